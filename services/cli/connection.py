"""Where Callboard is and how to sign in: from options, the environment, or the file that `callboard up` writes.

Each value for itself, the options first. The file is `<CALLBOARD_HOME or .callboard>/connection.json`. Its token goes
only to its own address: with another `--url` a token must be given too. Raises `CommandFailed` that says what to do
when there is none, or when what was given cannot be an address or a token. A token is never shown.
"""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from services.cli.connection_file import FILE, KeptConnection, UnusableFile, read_connection
from services.cli.failures import CommandFailed, ExitCode
from shared.tls import trusting_file

HOME = "CALLBOARD_HOME"
URL = "CALLBOARD_URL"
TOKEN = "CALLBOARD_TOKEN"  # noqa: S105 - the variable's name
AUTHORITY = "CALLBOARD_CA_FILE"


@dataclass(frozen=True)
class TokenSource:
    """Where a token was found, and what to do when it is not taken."""

    name: str
    advice: str


OPTION = TokenSource("--token", f"give the one that `callboard up` shows, or leave --token out where {FILE} has it")
ENVIRONMENT = TokenSource(TOKEN, f"correct that variable, or unset it where {FILE} has the token")


@dataclass(frozen=True)
class Connection:
    """An address without a slash at its end, the operator's token, and where that came from."""

    url: str
    token: str = field(repr=False)
    source: TokenSource = OPTION
    # Whom to trust when the address begins with https; True: whom this machine trusts.
    trust: ssl.SSLContext | bool = True


def home(environment: Mapping[str, str]) -> Path:
    """Where Callboard keeps its state on this machine."""
    return Path(environment.get(HOME) or ".callboard")


def find_connection(
    url: str | None, token: str | None, environment: Mapping[str, str], ca: str | None = None
) -> Connection:
    """The connection from options, else the environment, else the file; each value for itself."""
    advice = f"give --url and --token, set {URL} and {TOKEN}, or start it here with `callboard up`"
    unknown = f"it is not known where Callboard is: {advice}"
    return _found(url or environment.get(URL), token, environment, ca, lambda kept: kept.url, unknown)


def find_sandbox(
    url: str | None, token: str | None, environment: Mapping[str, str], ca: str | None = None
) -> Connection:
    """The same for a Telegram sandbox's admin API, which takes Callboard's token; no variable has its address."""
    advice = "start one here with `callboard up`, or give the address of its admin API as --url, and --token"
    unknown = f"it is not known where a Telegram sandbox is: {advice}"
    return _found(url, token, environment, ca, lambda kept: kept.sandbox.url if kept.sandbox else None, unknown)


def _found(
    url: str | None,
    token: str | None,
    environment: Mapping[str, str],
    ca: str | None,
    address_in: Callable[[KeptConnection], str | None],
    unknown: str,
) -> Connection:
    source = OPTION if token else ENVIRONMENT
    token = token or environment.get(TOKEN)
    path = home(environment) / FILE
    kept = None if url and token else _from_file(path)
    kept_url = address_in(kept) if kept is not None else None
    if kept is not None and kept_url and url in (None, "", kept_url):
        if not token:
            source = _of_file(path)
        url, token = kept_url, token or kept.token
    if not url:
        raise _failed(unknown)
    checked = _checked_address(url)
    if not token:
        other = f" (the one in {path} is for {kept_url})" if kept_url else ""
        raise _failed(f"there is no token for {checked}{other}: give --token or set {TOKEN}")
    return Connection(checked, _checked_token(token, source), source, _trust(ca or environment.get(AUTHORITY)))


def _checked_address(url: str) -> str:
    try:
        parsed = urlsplit(url)
        whole = parsed.scheme in ("http", "https") and bool(parsed.hostname) and parsed.port != 0
    except ValueError:
        parsed, whole = urlsplit(""), False
    if parsed.username is not None or parsed.password is not None:
        # Not shown: it may hold a password.
        raise _failed("the address of Callboard has a user name in it: give --url without, and the token as --token")
    if not whole or parsed.query or parsed.fragment or not url.isprintable():
        raise _failed(f"{url!r} is not an address: write it like http://127.0.0.1:8080")
    return url.rstrip("/")


def _checked_token(token: str, source: TokenSource) -> str:
    # What else there is cannot stand in a header; most often it is a line break or a quotation mark that was copied.
    if not (token.isascii() and token.isprintable() and " " not in token):
        wrong = "has a character that no token has (a blank, a line break, or one that is not ASCII)"
        raise _failed(f"the token from {source.name} {wrong}: copy it again, without quotes and line breaks")
    return token


def _trust(ca: str | None) -> ssl.SSLContext | bool:
    try:
        return trusting_file(Path(ca) if ca else None)
    except ValueError as error:
        raise _failed(f"{error}: give a file with the authority's certificate as --ca, or as {AUTHORITY}") from None


def _from_file(path: Path) -> KeptConnection | None:
    try:
        return read_connection(path)
    except UnusableFile as error:
        raise _failed(str(error)) from error


def _of_file(path: Path) -> TokenSource:
    advice = (
        f"another Callboard answers there than the one that was started here; set {HOME} to the home of that one, "
        "or give its token as --token"
    )
    return TokenSource(str(path), advice)


def _failed(sentence: str) -> CommandFailed:
    return CommandFailed(ExitCode.UNREACHABLE, sentence)
