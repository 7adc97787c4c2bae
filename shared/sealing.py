"""Sealed content: only the holder of one private key can read it, and only as what it was sealed for.

HPKE (RFC 9180) in base mode: X25519, HKDF-SHA256, AES-256-GCM. Keys are their 32 raw bytes. `bound_to` is HPKE's
`info`: what was sealed for one purpose, node or account opens for no other. Nothing here puts a secret into an error.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class NotSealedForUs(Exception):
    """It does not open: sealed to another key, for something else, or altered on the way."""


def new_sealing_key() -> bytes:
    """A new private key."""
    return X25519PrivateKey.generate().private_bytes_raw()


def sealing_key_of(private: bytes) -> bytes:
    """The public half of a private key."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def seal(content: bytes, public: bytes, bound_to: bytes) -> bytes:
    """The content, sealed. Raises ValueError for a key that is none."""
    return bytes(_SUITE.encrypt(content, X25519PublicKey.from_public_bytes(public), info=bound_to))


def open_sealed(sealed: bytes, private: bytes, bound_to: bytes) -> bytes:
    """The content. Raises NotSealedForUs."""
    try:
        return bytes(_SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private), info=bound_to))
    except (InvalidTag, ValueError) as error:
        raise NotSealedForUs("it was sealed to another key or for something else, or altered on the way") from error
