"""The deployer's signature under its orders, and how a node checks it (Ed25519).

Keys are their 32 raw bytes; `key_id_of` names a public one. A signature says who ordered it and that nothing was
altered. Whether the order is for this node, and newer than what the node has, is for the node to ask.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.contracts.signed import Signature, SignedContract

Signed = TypeVar("Signed", bound=SignedContract)


class BadSignature(Exception):
    """The order is not the deployer's, or was altered; says which."""


class UnknownKey(BadSignature):
    """The order is signed with a key that is not trusted: a stranger's, or one that was never heard of."""


def new_signing_key() -> bytes:
    """A new private key."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def verifying_key_of(private: bytes) -> bytes:
    """The public half of a private key."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def key_id_of(public: bytes) -> str:
    """The name of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def signature_of(private: bytes, content: bytes) -> str:
    """The holder's signature of any content, in base64."""
    return base64.b64encode(Ed25519PrivateKey.from_private_bytes(private).sign(content)).decode()


def is_signed_by(public: str, signature: str, content: bytes) -> bool:
    """Whether this is the signature of the content by the holder of this key; both in base64."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public)).verify(base64.b64decode(signature), content)
    except (InvalidSignature, ValueError):
        return False
    return True


class Signer:
    """Signs with one private key."""

    def __init__(self, private: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.key_id = key_id_of(verifying_key_of(private))

    def sign(self, order: Signed) -> Signed:
        """The order with its signature."""
        value = base64.b64encode(self._key.sign(order.signed_content())).decode()
        return order.model_copy(update={"signature": Signature(key_id=self.key_id, value=value)})


def check_signature(order: SignedContract, trusted: Mapping[str, bytes]) -> None:
    """Check an order against the trusted public keys by their ids. Raises BadSignature, or just UnknownKey."""
    signature = order.signature
    if signature is None:
        raise BadSignature("the order is not signed: orders come from the deployer, see `callboard sign`")
    key = trusted.get(signature.key_id)
    if key is None:
        raise UnknownKey(f"the order is signed with key {signature.key_id}, which this node does not trust")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(signature.value), order.signed_content())
    except InvalidSignature as error:
        raise BadSignature("the signature does not fit the order: it was altered on the way") from error
