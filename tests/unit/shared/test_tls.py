"""What settings and URLs say about TLS, before anybody connects."""

import ssl
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.registry.settings import Settings
from shared.settings import ServiceSettings, read_settings
from shared.tls import database_tls, needed, trusting_file
from tests.support.certificates import Authority

URL = "postgresql+asyncpg://u:p%40@db:5432/callboard"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority."""
    return Authority(tmp_path_factory.mktemp("authority"))


def test_an_address_with_tls_is_checked_as_it_was_said() -> None:
    """A client of an https address would trust whoever answers."""
    assert needed("https://callboard.example") is True
    plain = needed("http://127.0.0.1:8080")
    # Were it ever asked, it would trust nobody.
    assert isinstance(plain, ssl.SSLContext) and plain.verify_mode == ssl.CERT_REQUIRED and not plain.get_ca_certs()


def test_a_url_without_tls_words_stays_as_it_is() -> None:
    """Whoever has no TLS would have another connection than before."""
    for url in (URL, f"{URL}?application_name=x", f"{URL}?ssl=require"):
        assert database_tls(url) == (url, {})


@pytest.mark.parametrize(
    ("words", "verify", "hostname"),
    [
        ("sslmode=require", ssl.CERT_NONE, False),
        ("sslmode=verify-ca", ssl.CERT_REQUIRED, False),
        ("sslmode=verify-full", ssl.CERT_REQUIRED, True),
        ("sslrootcert={ca}", ssl.CERT_REQUIRED, True),
        ("sslmode=require&sslrootcert={ca}", ssl.CERT_REQUIRED, False),
        ("sslmode=verify-full&sslrootcert={ca}&application_name=x", ssl.CERT_REQUIRED, True),
        ("sslrootcert={ca}&sslcert={cert}&sslkey={key}", ssl.CERT_REQUIRED, True),
    ],
)
def test_each_mode_checks_what_it_says(
    authority: Authority, words: str, verify: ssl.VerifyMode, hostname: bool
) -> None:
    """A CA that was given and not used lets anybody be the database."""
    files = authority.certificate("client")
    query = words.format(ca=authority.file, cert=files.certificate, key=files.key)
    plain, given = database_tls(f"{URL}?{query}")
    assert plain == (f"{URL}?application_name=x" if "application" in words else URL)
    assert isinstance(given["ssl"], ssl.SSLContext)
    assert (given["ssl"].verify_mode, given["ssl"].check_hostname) == (verify, hostname)


def test_the_modes_without_a_check_are_asyncpgs_own() -> None:
    """`disable` must not ask for TLS, and `prefer` must bear a server without it."""
    assert database_tls(f"{URL}?sslmode=disable") == (URL, {"ssl": False})
    assert database_tls(f"{URL}?sslmode=prefer") == (URL, {"ssl": "prefer"})


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sslmode=allow", "sslmode=allow is not known: write one of disable, prefer"),
        ("sslrootcert=/nowhere/ca.pem", "No such file"),
        ("sslmode=verify-full&sslcert=/nowhere/c", "No such file"),
    ],
)
def test_a_mistake_is_told_before_anybody_connects(query: str, says: str) -> None:
    """A service would start, and try in vain for ever."""
    with pytest.raises(ValueError, match=says):
        database_tls(f"{URL}?{query}")


def test_an_authority_replaces_the_systems(authority: Authority, tmp_path: Path) -> None:
    """Any of two hundred authorities could speak for the console."""
    trust = trusting_file(authority.file)
    assert isinstance(trust, ssl.SSLContext) and len(trust.get_ca_certs()) == 1
    assert trusting_file(None) is True
    not_pem, not_ascii, nowhere = (tmp_path / name for name in ("not.pem", "readme.md", "nowhere.pem"))
    (empty := tmp_path / "empty.pem").touch()
    not_pem.write_text("no certificate")
    not_ascii.write_text("Größe")
    for path, why in (
        (not_pem, "no certificate in PEM"),
        (not_ascii, "no certificate in PEM"),
        (empty, "no certificate in PEM"),
        (nowhere, "No such file"),
    ):
        with pytest.raises(ValueError, match=rf"{path.name} cannot be used: .*{why}") as raised:
            trusting_file(path)
        assert "codec" not in str(raised.value) and "_ssl" not in str(raised.value)


def test_half_of_a_certificate_is_refused(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A door that should speak TLS would speak without."""
    files, other = authority.certificate("one"), authority.certificate("other")
    monkeypatch.setenv("CALLBOARD_HTTP_CERTIFICATE_FILE", str(files.certificate))
    for key in ("", str(other.key), "/nowhere/key"):
        monkeypatch.setenv("CALLBOARD_HTTP_KEY_FILE", key)
        with pytest.raises(SystemExit):
            read_settings(ServiceSettings)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3 and "needs both" in told[0] and all("cannot be used" in line for line in told[1:])
    monkeypatch.setenv("CALLBOARD_HTTP_KEY_FILE", str(files.key))
    assert read_settings(ServiceSettings).certificate == files


def test_the_database_url_is_looked_at_with_the_settings() -> None:
    """A typing mistake would be found by the first query."""
    from services.registry.settings import MigrationSettings

    with pytest.raises(ValidationError, match="sslmode=full is not known"):
        MigrationSettings(database_url=f"{URL}?sslmode=full")


def test_an_authority_for_nodes_that_is_none_is_refused_at_the_registrys_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every node would be given it, and trust the world's authorities in its place, or nobody."""
    empty = tmp_path / "ca.pem"
    empty.touch()
    given = {"amqp_url": "amqp://b", "database_url": "postgresql+asyncpg://d", "token": "t" * 16}
    with pytest.raises(SystemExit):
        read_settings(Settings, nodes_ca_file=empty, **given)
    [line] = capsys.readouterr().err.splitlines()
    assert line == f"CALLBOARD_NODES_CA_FILE: the CA in {empty} cannot be used: the CA is no certificate in PEM"
