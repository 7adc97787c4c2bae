"""TLS: whom to trust when somebody shows a certificate, what to show oneself, and how PostgreSQL's URL says it.

Without an authority of its own a client trusts the system's; with one, that one alone. Nothing here is ever "without
checking" by default. Every mistake is a ValueError with a sentence that says what to mend.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

# libpq's words (https://www.postgresql.org/docs/current/libpq-ssl.html), all but `allow`, which asks for the plain way.
MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
_NO_CERTIFICATE = "the CA is no certificate in PEM"


def trusting(ca: str | None) -> ssl.SSLContext | bool:
    """For httpx, from certificates in PEM. Raises ValueError for what is none."""
    if ca is None:
        return True
    # For `ssl` no text at all means the system's authorities, and that PEM is ASCII it takes for granted.
    if not ca or not ca.isascii():
        raise ValueError(_NO_CERTIFICATE)
    try:
        return ssl.create_default_context(cadata=ca)
    except ssl.SSLError as error:
        raise ValueError(_NO_CERTIFICATE) from error


def trusting_file(path: Path | None) -> ssl.SSLContext | bool:
    """For httpx, from a file of certificates in PEM. Raises ValueError for one that cannot be used."""
    if path is None:
        return True
    try:
        return trusting(path.read_text("utf-8", errors="replace"))
    except (OSError, ValueError) as error:
        raise ValueError(f"the CA in {path} cannot be used: {_reason(error)}") from error


def needed(url: str, trust: ssl.SSLContext | bool = True) -> ssl.SSLContext | bool:
    """For httpx: whom a client of this address trusts; where no TLS is spoken, nobody.

    Reading the authorities of the world takes as long as a hundred answers of a server next door.
    """
    return trust if urlsplit(url).scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True)
class Certificate:
    """What a server shows: a file with its certificate and those between it and the authority, and one with its key."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """For a server; TLS 1.2 and later. Raises ValueError for files that cannot be used."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.load_into(context)
        return context

    def load_into(self, context: ssl.SSLContext) -> None:
        """Show what the files have now, from the next connection on. Raises ValueError."""
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            files = f"the certificate in {self.certificate} with the key in {self.key}"
            raise ValueError(f"{files} cannot be used: {_reason(error)}") from error

    def age(self) -> tuple[float, float]:
        """When the files were written; other numbers when they were written again. Raises OSError."""
        return self.certificate.stat().st_mtime, self.key.stat().st_mtime


def database_tls(url: str) -> tuple[str, dict[str, Any]]:
    """PostgreSQL's URL without libpq's TLS words, and what asyncpg is given in their place.

    `sslmode`, `sslrootcert`, `sslcert` and `sslkey` mean what they mean to libpq, but for two things: with a
    `sslrootcert` and without a `sslmode` everything is checked (verify-full), and `require` beside a `sslrootcert` does
    check against it. Raises ValueError.
    """
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    words = {name: value for name, value in pairs if name in ("sslmode", "sslrootcert", "sslcert", "sslkey")}
    if not words:
        return url, {}
    rest = urlencode([(name, value) for name, value in pairs if name not in words])
    mode = words.get("sslmode") or ("verify-full" if "sslrootcert" in words else "prefer")
    if mode not in MODES:
        raise ValueError(f"sslmode={mode} is not known: write one of {', '.join(MODES)}")
    return urlunsplit(parts._replace(query=rest)), {"ssl": _database_context(mode, words)}


def _database_context(mode: str, words: dict[str, str]) -> ssl.SSLContext | str | bool:
    if mode == "disable":
        return False
    if mode == "prefer":
        return "prefer"
    try:
        context = ssl.create_default_context(cafile=words.get("sslrootcert"))
        if "sslcert" in words:
            context.load_cert_chain(words["sslcert"], words.get("sslkey"))
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"the files of sslrootcert, sslcert or sslkey cannot be used: {_reason(error)}") from error
    context.check_hostname = mode == "verify-full"
    if mode == "require" and "sslrootcert" not in words:
        context.verify_mode = ssl.CERT_NONE
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.strerror:
        return error.strerror
    return str(error)
