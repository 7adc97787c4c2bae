"""What goes on the bus directly: leases, refusals, counters. Best effort, as `domain.answers` says.

A node whose queue is not there (the broker's disk was erased) gets it again, because its absence is told, and then the
answer to its next beat.
"""

from collections.abc import Callable, Sequence

import structlog

from services.registry.domain.accounts import counters
from services.registry.domain.lease import Granted, Refused
from shared.clock import Clock
from shared.contracts.accounts import AccountReport
from shared.contracts.assignments import AssignAccounts, SessionWanted
from shared.contracts.contract import Contract
from shared.contracts.fleet import AccountsCounted
from shared.contracts.leases import GrantLease
from shared.contracts.own_accounts import NameOwnAccounts
from shared.messaging import Bus, PublishFailed, Unroutable

log = structlog.get_logger(__name__)


class BusAnswers:
    """`Answers` on a bus. `misses` is called with a node whose queue is not there."""

    def __init__(self, bus: Bus, clock: Clock, misses: Callable[[str], None] = lambda _: None) -> None:
        self._bus = bus
        self._clock = clock
        self._misses = misses
        self._losing = False

    async def answer(self, outcome: Granted | Refused) -> None:
        """Send the lease or the refusal to its node."""
        await self._try(outcome.grant if isinstance(outcome, Granted) else outcome.refusal)

    async def assign(self, message: AssignAccounts) -> None:
        """Send a node its set of assignments."""
        await self._try(message)

    async def want_sessions(self, messages: Sequence[SessionWanted]) -> None:
        """Tell the vault which logins a node lacks."""
        for message in messages:
            await self._try(message)

    async def name_own_accounts(self, message: NameOwnAccounts) -> None:
        """Send a node the list of the operator's own accounts."""
        await self._try(message)

    async def tell_counters(self, node_id: str, accounts: Sequence[AccountReport]) -> None:
        """Tell everyone the counters of a node's accounts."""
        counted = [counters(report) for report in accounts]
        at = self._clock.now()
        await self._try(AccountsCounted.model_construct(node_id=node_id, accounts=counted, at=at))

    async def _try(self, message: Contract) -> None:
        try:
            await self._bus.publish(message)
            self._losing = False
        except Unroutable as error:
            log.debug("answer_without_queue", type=message.TYPE, reason=str(error))
            if isinstance(message, GrantLease):
                self._misses(message.node_id)
        except PublishFailed as error:
            # One line for an outage, not one for each of thousands of answers.
            if not self._losing:
                log.warning("answers_are_lost", type=message.TYPE, reason=str(error))
            self._losing = True
