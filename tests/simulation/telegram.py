"""Telegram for a whole fleet, with a guard: no account is live, and nothing is said, without a lease.

The lease is the one that the registry counts, because that is what it would move a session by. What broke the rule is
kept in `violations`, since an error raised in here would be the account's own trouble.
"""

from collections.abc import Callable

from services.node_agent.domain.telegram import OnMessage
from services.node_agent.telegram.in_memory import InMemoryConnection, InMemoryTelegram
from shared.clock import Clock
from tests.simulation.machines import Machine

# The registry's end of a node's lease, in seconds from now; negative when it has passed.
LeaseLeft = Callable[[str], float]


class GuardedTelegram(InMemoryTelegram):
    """See the module's docstring."""

    def __init__(self, clock: Clock, lease_left: LeaseLeft) -> None:
        super().__init__(clock)
        self.violations: list[str] = []
        self._lease_left = lease_left
        self._owners: dict[str, Machine] = {}

    def belongs(self, account_id: str, machine: Machine) -> None:
        """The account's session file is on this machine."""
        self._owners[account_id] = machine

    async def connect(self, account_id: str, on_message: OnMessage) -> InMemoryConnection:
        """Connect, under a lease."""
        self._guard(account_id, "connects")
        if self.connected(account_id):
            self.violations.append(f"{account_id} is live twice at second {self.clock.monotonic():.3f}")
        return await super().connect(account_id, on_message)

    def send(self, account_id: str, peer: str | int, text: str, reply_to: int | None, random_id: int) -> None:
        """Say something, under a lease."""
        self._guard(account_id, "speaks")
        super().send(account_id, peer, text, reply_to, random_id)

    def user_of(self, account_id: str) -> int:
        """The Telegram user of an account."""
        return self._logins[account_id].user_id

    def look(self) -> None:
        """Every live account has a lease. A suspended machine cannot hang up: what it says when it wakes counts."""
        for account_id, machine in self._owners.items():
            if not machine.clock.paused and self.connected(account_id):
                self._guard(account_id, "is connected")

    def _guard(self, account_id: str, what: str) -> None:
        left = self._lease_left(self._owners[account_id].node_id)
        if left < 0:
            at = self.clock.monotonic()
            self.violations.append(f"{account_id} {what} at second {at:.3f}, {-left:.3f} s after its node's lease")
