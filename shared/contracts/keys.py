"""The deployer's public keys: the ones its orders are signed with, and the one that logins are sealed to for the vault.

The registry hands them to a node that joins; from then on the node takes other ones only from an order that is signed
with a key it trusts already.
"""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from shared.contracts.contract import Contract, Instant, Part

# 32 bytes in base64.
PublicKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{43}=$")]
# The first 16 hexadecimal digits of the SHA-256 of the key's 32 bytes.
KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
# The one that signs, and the one before or after it while keys change.
MOST_SIGNING_KEYS = 4


class NamedKey(Part):
    """A public key with its name."""

    key_id: KeyId
    key: PublicKey


class TrustedKeys(Part):
    """What a node goes by. `serial` rises with every change, so that an older word never undoes a newer one."""

    serial: int = Field(ge=1)
    signing: list[NamedKey] = Field(min_length=1, max_length=MOST_SIGNING_KEYS)
    vault: NamedKey


class KeysAnnounced(Contract):
    """The deployer's public keys, for the registry to hand to nodes that join. Said at every start and now and then."""

    TYPE: ClassVar[str] = "deploy.keys.v1"

    keys: TrustedKeys
    at: Instant
