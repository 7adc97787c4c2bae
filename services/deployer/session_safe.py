"""Sessions at rest: AES-256-GCM under a data key for each account, which is sealed under a master key (`key_ring`).

A version opens only as what it is: its account and its hash are bound in. Changing the master key seals the data keys
anew and leaves the contents alone. Implements `domain.keeping.SessionSafe`.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.deployer.domain.keeping import Keys, NotOpened, Shelf

# A data key seals some thousands of versions in its life, far from where two random nonces meet.
_NONCE_BYTES = 12
_KEY_BYTES = 32
_FORM = b"\x01"


class SealedSessions:
    """See the module's docstring."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def new_key(self, account_id: str) -> bytes:
        """A data key, sealed."""
        return self._keys.seal(Shelf.SESSION_KEYS, account_id, os.urandom(_KEY_BYTES))

    def put(self, account_id: str, data_key: bytes, hash_: str, packed: bytes) -> bytes:
        """What may be stored."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORM + nonce + self._cipher(account_id, data_key).encrypt(nonce, packed, _bound(account_id, hash_))

    def take(self, account_id: str, data_key: bytes, hash_: str, sealed: bytes) -> bytes:
        """The packed content."""
        nonce, content = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] == _FORM:
                return self._cipher(account_id, data_key).decrypt(nonce, content, _bound(account_id, hash_))
        except (InvalidTag, ValueError):
            pass
        raise NotOpened(f"the stored session of {account_id} was altered: choose another version, or restore a backup")

    def _cipher(self, account_id: str, data_key: bytes) -> AESGCM:
        return AESGCM(self._keys.open(Shelf.SESSION_KEYS, account_id, data_key))


def _bound(account_id: str, hash_: str) -> bytes:
    return _FORM + f"{account_id}\0{hash_}".encode()
