"""Telegram for a whole fleet, with a guard: nobody is live, or says anything, without a lease or in two places.

The lease is the one that the registry counts for the machine that the account is connected from, because that is what
it would move a session by. What broke the rule is kept in `violations`, since an error raised in here would be the
account's own trouble.
"""

from collections.abc import Callable

from services.node_agent.domain.telegram import OnMessage
from services.node_agent.telegram.in_memory import InMemoryConnection, InMemoryTelegram, TelegramAt, place_in
from shared.clock import Clock
from tests.simulation.machines import Disk, Machine

# The registry's end of a node's lease, in seconds from now; negative when it has passed.
LeaseLeft = Callable[[str], float]


class GuardedTelegram(InMemoryTelegram):
    """See the module's docstring. `margin` is what two clocks may differ by over a lease, in seconds."""

    def __init__(self, clock: Clock, lease_left: LeaseLeft, excused: Callable[[str], bool], margin: float) -> None:
        super().__init__(clock)
        self._margin = margin
        self.violations: list[str] = []
        # Whether an account's login may be older than its newest state: its node fell silent.
        self._excused = excused
        self._lease_left = lease_left
        self._last: dict[str, Machine] = {}
        # Accounts whose newest state went with the process that ran them, and those that go on without it.
        self._crashed: dict[str, Disk] = {}
        self.behind: set[str] = set()
        self._asleep: list[tuple[str, Machine, object]] = []

    def bring(self, account_id: str, content: bytes, at: TelegramAt) -> None:
        """The account is about to connect there: a state that it comes with is the newest that was handed back."""
        before, login = self._last.get(account_id), self._logins[account_id]
        disk = self._crashed.pop(account_id, None)
        if disk is not None and (before is not at.whose or self._disk_of(at) is not disk):
            # What a killed process had not handed back is lost, and the ledger that knows what it answered is not here.
            self.behind.add(account_id)
        elif before is not None and before is not at.whose and place_in(content, 0) < login.saved:
            if self._excused(account_id):
                self.behind.add(account_id)
            else:
                late = f"has moved with {content!r}, its state was {login.saved} already, at {self._second}"
                self.violations.append(f"{account_id} {late}")
        super().bring(account_id, content, at)
        # A login that was never saved has heard nothing, whatever a killed process of this node had.
        login.saved = place_in(content, 0)

    async def connect(self, account_id: str, on_message: OnMessage) -> InMemoryConnection:
        """Connect, under a lease. Who is live already is killed, as Telegram does."""
        self._guard(account_id, "connects")
        machine = self.where(account_id)
        if machine is not None and machine.slept:
            # The socket of a sleeping machine is silent. Should its agent ever go on with it, both would speak.
            self._asleep.append((account_id, machine, machine.agent))
            self.crash(account_id)
        elif machine is not None:
            self.violations.append(f"{account_id} is live on {machine.node_id}, connects elsewhere at {self._second}")
            self.kill(account_id, "AUTH_KEY_DUPLICATED")
        self._last[account_id] = self._machine(account_id)
        return await super().connect(account_id, on_message)

    def send(self, account_id: str, peer: str | int, text: str, reply_to: int | None, random_id: int) -> None:
        """Say something, under a lease."""
        self._guard(account_id, "speaks")
        super().send(account_id, peer, text, reply_to, random_id)

    def where(self, account_id: str) -> Machine | None:
        """The machine that the account is connected from."""
        connection = self._logins[account_id].connection
        if connection is None:
            return None
        assert connection.at is not None
        assert isinstance(connection.at.whose, Machine), f"{account_id} connects from nowhere"
        return connection.at.whose

    def live_on(self, machine: Machine) -> list[str]:
        """The accounts that are connected from a machine."""
        return [account_id for account_id in sorted(self._logins) if self.where(account_id) is machine]

    def crash_on(self, machine: Machine) -> None:
        """A machine's agent is gone at once, and has saved nothing at its end."""
        for account_id, last in self._last.items():
            if last is machine:
                # The disk that knows is the first one's: it may be wiped and killed again before the account is back.
                self._crashed.setdefault(account_id, machine.disk)
        for account_id in self.live_on(machine):
            self.crash(account_id)

    def user_of(self, account_id: str) -> int:
        """The Telegram user of an account."""
        return self._logins[account_id].user_id

    def look(self) -> None:
        """Every live account has a lease. A suspended machine cannot hang up: what it says when it wakes counts."""
        for account_id in self._logins:
            machine = self.where(account_id)
            if machine is not None and not machine.slept:
                self._guard(account_id, "is connected", machine)
        for account_id, machine, agent in [each for each in self._asleep if not each[1].clock.paused]:
            self._asleep.remove((account_id, machine, agent))
            if machine.agent is agent:
                self.violations.append(f"{account_id} has moved, and wakes up on {machine.node_id} at {self._second}")

    def _disk_of(self, at: TelegramAt) -> Disk:
        assert isinstance(at.whose, Machine)
        return at.whose.disk

    def _guard(self, account_id: str, what: str, machine: Machine | None = None) -> None:
        machine = machine or self._machine(account_id)
        left = self._lease_left(machine.node_id)
        # A slow clock gives up late; the registry moves nothing before this margin.
        if left < -(self._margin if machine.clock.pace < 1 else 0):
            late = f"{-left:.3f} s after its node's lease"
            self.violations.append(f"{account_id} {what} on {machine.node_id} at {self._second}, {late}")

    @property
    def _second(self) -> str:
        return f"second {self.clock.monotonic():.3f}"

    def _machine(self, account_id: str) -> Machine:
        at = self._logins[account_id].at
        assert at is not None and isinstance(at.whose, Machine), f"{account_id} connects from nowhere"
        return at.whose
