"""Every order of the deployer's is checked before it reaches its use case, whatever way it came.

`checked` puts the check in front of the handlers of a route; an order that has none of its own yet is checked as well,
because it is asked for by its class. Raises Rejected, with the reason, for an order that is not taken.
"""

import asyncio
from dataclasses import replace

import structlog

from services.node_agent.domain.ports import KeptKeys
from services.node_agent.domain.trust import Trust
from shared.contracts.contract import Contract
from shared.contracts.signed import SignedContract
from shared.contracts.trust import TrustKeys
from shared.messaging import Handler, Rejected, Route, Unavailable

log = structlog.get_logger(__name__)


def checked(route: Route, trust: Trust, kept: KeptKeys) -> Route:
    """The route, with the order to trust other keys, and a check in front of every order that is to be signed."""
    handlers: dict[type[Contract], Handler] = {**route.handlers, TrustKeys: TrustOtherKeys(trust, kept)}
    return replace(
        route,
        handlers={
            contract: _checking(handler, trust) if issubclass(contract, SignedContract) else handler
            for contract, handler in handlers.items()
        },
    )


class TrustOtherKeys:
    """Go by other keys of the deployer's, if they are newer; they are on the disk before the order is settled."""

    def __init__(self, trust: Trust, kept: KeptKeys) -> None:
        self._trust = trust
        self._kept = kept
        # Orders are handled side by side: an older one that is written last would take the place of the newer.
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, order: TrustKeys) -> None:
        """Adopt them. Raises Unavailable when they cannot be written."""
        async with self._one_at_a_time:
            await self._adopt(order)

    async def _adopt(self, order: TrustKeys) -> None:
        before = self._trust.keys.trusted
        if order.keys.serial <= before.serial:
            log.info("keys_known_already", serial=order.keys.serial, own=before.serial)
            return
        try:
            await self._kept.keep(order.keys)
        except OSError as error:
            raise Unavailable(f"the keys cannot be written: {error}") from error
        self._trust.adopt(order.keys)
        log.info("keys_trusted", serial=order.keys.serial, signing=[key.key_id for key in order.keys.signing])


def _checking(handler: Handler, trust: Trust) -> Handler:
    async def check(order: SignedContract) -> None:
        reason = trust.objection(order)
        if reason is not None:
            trust.refuse(reason)
            raise Rejected(f"{order.TYPE}: {reason}")
        await handler(order)

    return check
