"""The master keys: which one seals, which ones open, and how they are rotated."""

import secrets
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.deployer.domain.keeping import NotOpened
from services.deployer.key_ring import BadKeys, KeyRing, key_material, key_of, master_keys

LAST = b"secret-of-the-tests"
OLD, NEW = secrets.token_hex(32), secrets.token_hex(32)


def ring(*keys: str) -> KeyRing:
    """A ring of these keys, the active one first."""
    return KeyRing(LAST, keys=SecretStr(",".join(keys)) if keys else None)


def test_what_was_sealed_opens_only_as_what_it_was_sealed_for() -> None:
    """A row put in another's place, or a server's login read as a session, would open."""
    sealed = ring(OLD).seal("sessions", "ana", b"planted")
    assert ring(OLD).open("sessions", "ana", sealed) == b"planted"
    assert b"planted" not in sealed
    for purpose, bound_to, changed in (
        ("sessions", "bob", sealed),
        ("logins", "ana", sealed),
        ("sessions", "ana", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        ("sessions", "ana", sealed[:30]),
        ("sessions", "ana", b""),
        ("sessions", "ana", b"\x07" + sealed[1:]),
    ):
        with pytest.raises(NotOpened, match="backup"):
            ring(OLD).open(purpose, bound_to, changed)


def test_the_first_key_seals_and_every_key_opens() -> None:
    """A key added in front would make everything that is stored unreadable."""
    before = ring(OLD).seal("sessions", "ana", b"planted")
    rotated = ring(NEW, OLD)
    after = rotated.seal("sessions", "ana", b"planted")
    assert rotated.open("sessions", "ana", before) == b"planted"
    assert key_of(before) == ring(OLD).active and key_of(after) == rotated.active == ring(NEW).active
    assert ring(NEW).open("sessions", "ana", after) == b"planted"
    with pytest.raises(NotOpened, match=key_of(before)):
        ring(NEW).open("sessions", "ana", before)


def test_a_deployer_without_a_key_of_its_own_has_one_of_its_secret() -> None:
    """An operator who adds a first key would lose what was sealed before."""
    sealed = ring().seal("sessions", "ana", b"planted")
    assert ring(NEW).open("sessions", "ana", sealed) == b"planted"
    assert ring(NEW).active != ring().active == ring(NEW).ids[-1]
    with pytest.raises(NotOpened):
        KeyRing(b"another secret of the tests").open("sessions", "ana", sealed)


def test_a_key_file_that_changes_is_read_again(tmp_path: Path) -> None:
    """Rotation would need every replica to be restarted at once."""
    file = tmp_path / "keys"
    file.write_text(OLD + "\n")
    one = KeyRing(LAST, key_file=file)
    before = one.seal("sessions", "ana", b"planted")
    file.write_text(f"{NEW}\n{OLD}\n")
    after = one.seal("sessions", "ana", b"planted")
    assert key_of(after) == one.active == ring(NEW).active
    assert one.open("sessions", "ana", before) == b"planted"
    assert (
        one.open("sessions", "ana", ring(NEW).seal("sessions", "ana", b"of another replica")) == b"of another replica"
    )


def test_a_key_file_that_is_none_any_more_changes_nothing(tmp_path: Path) -> None:
    """A volume that is away for a moment would take every login with it."""
    file = tmp_path / "keys"
    file.write_text(OLD)
    one = KeyRing(LAST, key_file=file)
    for spoil in (lambda: file.write_text("planted"), lambda: file.write_bytes(b"\xff" * 40), file.unlink):
        spoil()
        assert one.active == ring(OLD).active
    file.write_text(NEW)
    assert one.active == ring(NEW).active


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no key"),
        ("planted", "key 1 is no key"),
        (f"{OLD} {OLD[:-1]}", "key 2 is no key"),
        ("ab" * 32, "not random"),
        (f"{OLD}\n{OLD}", "twice"),
        ("\u00e9" * 64, "no key"),
    ],
)
def test_what_is_no_key_is_refused_without_being_shown(text: str, told: str) -> None:
    """Logins would be sealed under an empty or half-copied key, or the log would show it."""
    with pytest.raises(BadKeys, match=told) as refused:
        master_keys(text, "CALLBOARD_VAULT_KEY")
    assert "CALLBOARD_VAULT_KEY" in str(refused.value)
    assert not text or text[:20] not in str(refused.value)


def test_keys_are_read_in_hexadecimal_and_base64() -> None:
    """The same key, written the other way, would be another one."""
    import base64

    written = base64.b64encode(bytes.fromhex(OLD)).decode()
    assert master_keys(OLD, "x") == master_keys(written, "x")
    assert OLD not in repr(master_keys(OLD, "x"))


def test_the_last_key_comes_from_its_file_or_from_the_secret(tmp_path: Path) -> None:
    """A deployer with an empty key file would seal with nothing."""
    secret = SecretStr("secret-of-the-tests")
    assert key_material(secret, None) == b"secret-of-the-tests"
    file = tmp_path / "key"
    file.write_text("a long random text of its own\n")
    assert key_material(secret, file) == b"a long random text of its own"
    file.write_text("short\n")
    with pytest.raises(ValueError, match="fewer than 16"):
        key_material(secret, file)
