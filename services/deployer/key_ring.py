"""The deployer's master keys, and what is sealed under them in the database.

A master key is 32 bytes from a file (`CALLBOARD_VAULT_KEY_FILE`) or the environment (`CALLBOARD_VAULT_KEY`), several of
them in order: the first one is active and seals, every one opens. Behind them stands the key that is derived from
`CALLBOARD_SECRETS_KEY_FILE` or `CALLBOARD_SECRET`, so that a deployer without a key of its own has one, and moving to
one is a rotation like any other. What is sealed names its master key and opens only for the purpose and the row that
it was sealed for (AES-256-GCM with associated data; a key for each purpose, HKDF-SHA256).

A key file that changes is read again with the next use, so that keys are rotated without a restart; one that is no key
file any more changes nothing and is logged. Nothing here ever puts a secret into an error.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from services.deployer.domain.keeping import NotOpened

log = structlog.get_logger(__name__)

# The first byte of what the ring seals. 1 is how logins of servers were sealed before there was a ring.
FORM = b"\x02"
KEY_BYTES = 32
_ID_BYTES = 8
# 96 bits at random, as GCM wants them. A purpose's key seals some millions of things at most; NIST's bound is 2^32.
_NONCE_BYTES = 12
_HEAD = len(FORM) + _ID_BYTES

_HOW = "32 random bytes as 64 hexadecimal digits or in base64, one key a line, such as `openssl rand -hex 32` makes"


class BadKeys(ValueError):
    """The master keys cannot be used; says where and what to do, never what was there."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One key with its name, the first 16 hexadecimal digits of a digest of it."""

    key_id: str
    material: bytes = field(repr=False)


def master_keys(text: str, where: str) -> list[MasterKey]:
    """The keys in a text, parted by white space or commas. Raises BadKeys."""
    words = text.replace(",", " ").split()
    keys = [_named(_read(word, f"{where}: key {place}")) for place, word in enumerate(words, 1)]
    if not keys:
        raise BadKeys(f"{where} holds no key: put {_HOW}")
    if len({key.key_id for key in keys}) < len(keys):
        raise BadKeys(f"{where} holds a key twice: name each once, the active one first")
    return keys


def key_material(secret: SecretStr, key_file: Path | None) -> bytes:
    """What the last key is derived from. Raises OSError or ValueError for a file that is no key."""
    if key_file is None:
        return secret.get_secret_value().encode()
    content = key_file.read_bytes().strip()
    if len(content) < 16:
        raise ValueError(f"{key_file} holds fewer than 16 bytes: put a long random text there")
    return content


class KeyRing:
    """See the module's docstring. Raises OSError or BadKeys for keys that cannot be used."""

    def __init__(self, last: bytes, *, keys: SecretStr | None = None, key_file: Path | None = None) -> None:
        given = master_keys(keys.get_secret_value(), "CALLBOARD_VAULT_KEY") if keys else []
        self._behind = [*given, _named(_derived(last, b"callboard deployer: master key"))]
        self._file = key_file
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[str, MasterKey] = {}
        self._ciphers: dict[tuple[str, str], AESGCM] = {}
        self._take([] if key_file is None else self._of_file(key_file))

    @property
    def active(self) -> str:
        """The id of the key that seals."""
        return self._first().key_id

    @property
    def ids(self) -> Sequence[str]:
        """The ids of every key, the active one first."""
        self._look_at_the_file()
        return tuple(self._keys)

    def is_active(self, sealed: bytes) -> bool:
        """Whether the active key has sealed this."""
        try:
            return key_of(sealed) == self.active
        except NotOpened:
            return False

    def seal(self, purpose: str, bound_to: str, content: bytes) -> bytes:
        """What may be stored: it opens only for this purpose and with this binding."""
        key = self._first()
        head, nonce = FORM + bytes.fromhex(key.key_id), os.urandom(_NONCE_BYTES)
        return head + nonce + self._cipher(key, purpose).encrypt(nonce, content, _bound(head, purpose, bound_to))

    def open(self, purpose: str, bound_to: str, sealed: bytes) -> bytes:
        """The content. Raises NotOpened."""
        head, nonce, content = sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE_BYTES], sealed[_HEAD + _NONCE_BYTES :]
        key_id = key_of(sealed)
        self._look_at_the_file()
        key = self._keys.get(key_id)
        if key is None:
            raise NotOpened(
                f"it is sealed under the master key {key_id}, which this deployer does not have: bring that key back "
                "to CALLBOARD_VAULT_KEY_FILE or CALLBOARD_VAULT_KEY, behind the active one"
            )
        try:
            return self._cipher(key, purpose).decrypt(nonce, content, _bound(head, purpose, bound_to))
        except (InvalidTag, ValueError):
            raise NotOpened("it was altered, or put in another's place: restore the row from a backup") from None

    def _first(self) -> MasterKey:
        self._look_at_the_file()
        return next(iter(self._keys.values()))

    def _cipher(self, key: MasterKey, purpose: str) -> AESGCM:
        known = self._ciphers.get((key.key_id, purpose))
        if known is None:
            known = AESGCM(_derived(key.material, b"callboard deployer: " + purpose.encode()))
            self._ciphers[key.key_id, purpose] = known
        return known

    def _take(self, first: Sequence[MasterKey]) -> None:
        self._keys = {key.key_id: key for key in (*first, *self._behind)}

    def _of_file(self, path: Path) -> list[MasterKey]:
        found = path.stat()
        text = path.read_text()
        self._seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        return master_keys(text, str(path))

    def _look_at_the_file(self) -> None:
        if self._file is None:
            return
        try:
            found = self._file.stat()
            if self._seen == (found.st_mtime_ns, found.st_size, found.st_ino):
                return
            self._take(self._of_file(self._file))
        except (OSError, ValueError) as error:
            # A volume that is away for a moment or a file that is half written is no reason to forget keys.
            if self._seen is not None:
                log.error("vault_key_file_not_taken", reason=_told(error), next="the keys before go on")
                self._seen = None
            return
        log.info("vault_keys_read", active=next(iter(self._keys)), keys=len(self._keys))


def key_of(sealed: bytes) -> str:
    """The id of the master key under which something is sealed. Raises NotOpened for what the ring never sealed."""
    if sealed[:1] != FORM or len(sealed) < _HEAD + _NONCE_BYTES + 16:
        raise NotOpened("it is nothing that a deployer has sealed: restore the row from a backup")
    return sealed[len(FORM) : _HEAD].hex()


def _bound(head: bytes, purpose: str, bound_to: str) -> bytes:
    # A purpose has no NUL, so that no purpose and binding can be read as another pair.
    return head + purpose.encode() + b"\0" + bound_to.encode()


def _named(material: bytes) -> MasterKey:
    return MasterKey(hashlib.sha256(b"callboard master key\0" + material).digest()[:_ID_BYTES].hex(), material)


def _derived(material: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(material)


def _read(word: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(word) if len(word) == 2 * KEY_BYTES else base64.b64decode(word, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise BadKeys(f"{where} is no key: put {_HOW}")
    if len(set(key)) < 8:
        raise BadKeys(f"{where} is not random: put {_HOW}")
    return key


def _told(error: Exception) -> str:
    # A file that is not UTF-8 would show its bytes.
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
