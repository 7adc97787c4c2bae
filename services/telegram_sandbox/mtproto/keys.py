"""The server's RSA key and the authorisation keys of its clients.

The RSA key is made once and kept in the state directory; clients are given its public half (PKCS#1 PEM,
the form `telethon.crypto.rsa.add_key` reads). The key ring holds every authorisation key with the user that
is signed in on it and, once a login is dead, the error it answers with: a dead key stays dead.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from services.telegram_sandbox.mtproto.envelope import digest, key_id_of
from services.telegram_sandbox.mtproto.tl import TLObject


@dataclass(slots=True)
class AuthKey:
    """One authorisation key. `user_id` is None before sign-in; `dead` is the error of a lost login."""

    key: bytes
    user_id: int | None = None
    dead: str | None = None
    key_id: int = field(init=False)
    salt: int = field(init=False)

    def __post_init__(self) -> None:
        self.key_id = key_id_of(self.key)
        # It never changes, so a client that reconnects is never corrected twice.
        self.salt = int.from_bytes(sha256(b"salt" + self.key).digest()[:8], "little", signed=True)

    @property
    def name(self) -> str:
        """How the admin API names the key: its id in 16 hex digits."""
        return f"{self.key_id:016x}"


class KeyRing:
    """All authorisation keys by id. Changed keys are listed in `changed` until the store has written them."""

    def __init__(self) -> None:
        self._keys: dict[int, AuthKey] = {}
        self.changed: set[str] = set()

    def __iter__(self) -> Iterator[AuthKey]:
        return iter(self._keys.values())

    def find(self, key_id: int) -> AuthKey | None:
        """The key with this id."""
        return self._keys.get(key_id)

    def named(self, name: str) -> AuthKey | None:
        """The key with this 16-digit name."""
        try:
            return self._keys.get(int(name, 16))
        except ValueError:
            return None

    def add(self, key: AuthKey) -> AuthKey:
        """Keep a key; one that is known already is returned as it is."""
        kept = self._keys.setdefault(key.key_id, key)
        self.changed.add(kept.name)
        return kept

    def sign_in(self, key: AuthKey, user_id: int) -> None:
        """The key is a login of this user now."""
        key.user_id = user_id
        self.changed.add(key.name)

    def sign_out(self, key: AuthKey) -> None:
        """The key is nobody's login any more."""
        key.user_id = None
        self.changed.add(key.name)

    def kill(self, key: AuthKey, error: str) -> None:
        """The login is lost for good: every later request is answered with `error`."""
        key.dead = error
        self.changed.add(key.name)

    def forget(self, key: AuthKey) -> None:
        """The server no longer knows the key: clients get transport error -404."""
        self._keys.pop(key.key_id, None)
        self.changed.add(key.name)


class ServerKey:
    """The RSA key that the key exchange starts from."""

    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        numbers = private.private_numbers()
        self._n, self._d = numbers.public_numbers.n, numbers.d
        self._e = numbers.public_numbers.e
        self._private = private

    @classmethod
    def load_or_create(cls, path: Path) -> "ServerKey":
        """Read the PEM at `path`, or make a 2048-bit key and write it there, readable by the owner only."""
        if path.exists():
            loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
            if not isinstance(loaded, rsa.RSAPrivateKey) or loaded.key_size != 2048:
                raise ValueError(f"{path} holds no 2048-bit RSA key; move it away and start again")
            return cls(loaded)
        created = cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(created._pem())
        return created

    @property
    def public_pem(self) -> str:
        """The public half, PKCS#1 PEM."""
        form = serialization.PublicFormat.PKCS1
        return self._private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    @property
    def fingerprint(self) -> int:
        """Telegram's fingerprint: the last 64 bits of SHA-1 over the serialised modulus and exponent."""
        parts = b"".join(TLObject.serialize_bytes(_big_endian(number)) for number in (self._n, self._e))
        return int(struct.unpack("<q", digest(parts)[-8:])[0])

    @property
    def secret(self) -> bytes:
        """A secret of this sandbox alone, from which seeded sessions are derived."""
        return sha256(b"seed" + _big_endian(self._d)).digest()

    def decrypt(self, sealed: bytes) -> bytes:
        """Raw RSA, 256 bytes."""
        return pow(int.from_bytes(sealed, "big"), self._d, self._n).to_bytes(256, "big")

    def _pem(self) -> bytes:
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
