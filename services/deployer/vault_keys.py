"""The key pair that nodes seal logins to, until the deployer's own keys are kept: derived from its secret."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.sealing import sealing_key_of


class DerivedVaultKeys:
    """Implements `domain.keeping.VaultKeys`."""

    def __init__(self, secret: bytes) -> None:
        self._private = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"callboard vault: sealing").derive(secret)

    def opening(self) -> Sequence[bytes]:
        """The private half."""
        return [self._private]

    @property
    def public(self) -> bytes:
        """The public half."""
        return sealing_key_of(self._private)
