"""Telegram for a whole fleet, with a guard: no account is live, and nothing is said, without a lease.

The lease is the one that the registry counts for the machine that the account is connected from, because that is what
it would move a session by. What broke the rule is kept in `violations`, since an error raised in here would be the
account's own trouble.
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

    def where(self, account_id: str) -> Machine | None:
        """The machine that the account is connected from."""
        return self._machine(account_id) if self.connected(account_id) else None

    def live_on(self, machine: Machine) -> list[str]:
        """The accounts that are connected from a machine."""
        return [account_id for account_id in sorted(self._logins) if self.where(account_id) is machine]

    def crash_on(self, machine: Machine) -> None:
        """A machine's agent is gone at once, and has saved nothing at its end."""
        for account_id in self.live_on(machine):
            self.crash(account_id)

    def user_of(self, account_id: str) -> int:
        """The Telegram user of an account."""
        return self._logins[account_id].user_id

    def look(self) -> None:
        """Every live account has a lease. A suspended machine cannot hang up: what it says when it wakes counts."""
        for account_id in self._logins:
            machine = self.where(account_id)
            if machine is not None and not machine.clock.paused:
                self._guard(account_id, "is connected")

    def _guard(self, account_id: str, what: str) -> None:
        node_id = self._machine(account_id).node_id
        left = self._lease_left(node_id)
        if left < 0:
            at = self.clock.monotonic()
            self.violations.append(
                f"{account_id} {what} on {node_id} at second {at:.3f}, {-left:.3f} s after its node's lease"
            )

    def _machine(self, account_id: str) -> Machine:
        at = self._logins[account_id].at
        assert at is not None and isinstance(at.whose, Machine), f"{account_id} connects from nowhere"
        return at.whose
