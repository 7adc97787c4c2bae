"""The bus that signs: every order that nodes check leaves the deployer through it, with the signature of the moment.

What is in the outbox is not signed yet, so an order that waited through a rotation leaves with a key that nodes trust.
An order that has a signature already keeps it: it was made for a node that trusts an older key.
"""

from collections.abc import Callable

from services.deployer.domain.signing_keys import NoKeys
from shared.contracts.contract import Contract
from shared.contracts.signed import SignedContract
from shared.messaging import Bus, PublishFailed
from shared.signing import Signer


class SigningBus:
    """A bus in front of another one. `signer` gives the one that signs now, or raises NoKeys."""

    def __init__(self, bus: Bus, signer: Callable[[], Signer]) -> None:
        self._bus = bus
        self._signer = signer

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Sign what is to be signed, and publish. Raises PublishFailed, also while there is no key to sign with."""
        if isinstance(message, SignedContract) and message.signature is None:
            try:
                message = signed(message, self._signer())
            except NoKeys as error:
                raise PublishFailed(f"orders cannot be signed: {error}") from error
        await self._bus.publish(message, message_id=message_id)


def signed(order: SignedContract, signer: Signer) -> SignedContract:
    """The order with its signature, over what will be sent.

    An order that was read from the outbox remembers how it was written there, maybe by an older version with fewer
    fields; what leaves is written anew, so it is made anew before it is signed.
    """
    return signer.sign(type(order).model_validate({name: getattr(order, name) for name in type(order).model_fields}))
