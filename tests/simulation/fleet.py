"""A whole fleet in one process and in virtual time: a registry, a deployer and nodes, wired by their own `app.py`.

What is real: every use case, handler, job and state machine, the agents' SQL, the encoding of every message, the
deployer's HTTP door. What is the port's twin: broker, PostgreSQL, Telegram, clock, dice. The same seed gives the same
fleet, dice and messages.

`run_for` lets time pass and fails on whatever no fleet may ever do: an account live without a lease, a part that ends
by itself, a dead letter, an unexpected error in a log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Self
from unittest.mock import patch
from zlib import crc32

from services.registry.store.in_memory_tables import AccountRow
from shared.messaging import Unavailable
from shared.sealing import sealing_key_of
from tests.simulation.ground import SECRET
from tests.simulation.logs import LogBook
from tests.simulation.machines import Machine
from tests.simulation.operator import Operated
from tests.simulation.silences import Silences
from tests.simulation.telegram import GuardedTelegram
from tests.simulation.timing import Timing
from tests.support.agent.surroundings import at_once
from tests.support.agent.trusting import NODES, named, stored_keys

LEASE_SECONDS = Timing.lease
GUEST = 1


class SimulatedFleet(Operated):
    """See the module's docstring. Nodes are `n0`, `n1` …; node `n0` has the accounts `n0-a0`, `n0-a1` …

    Their logins are in the nodes' session folders, or with `vault` nowhere until they are uploaded. `paces` are those
    of the machines' clocks. With `moves_only` nothing is deployed.
    """

    def __init__(
        self,
        nodes: int,
        accounts: int = 3,
        *,
        seed: int = 0,
        aloud: bool = False,
        paces: Sequence[float] = (),
        vault: bool = False,
        timing: Timing | None = None,
        moves_only: bool = False,
    ) -> None:
        super().__init__(seed, timing or Timing(), moves_only=moves_only)
        self._vault = vault
        self._paces = dict(enumerate(paces))
        self._silences = Silences(lambda: self.registry_store._tables.assignments)
        self.telegram = GuardedTelegram(self.clock, self.lease_left, self._silences.excuse, self.timing.margin)
        self.logs = LogBook(self.clock, aloud=aloud)
        self._threads = patch("asyncio.to_thread", at_once)
        self.telegram.add_guest(GUEST, "Gast")
        self.clock.after_step = self._look
        for number in range(nodes):
            self.add_machine(f"n{number}", [f"n{number}-a{each}" for each in range(accounts)])

    async def __aenter__(self) -> Self:
        self.logs.open()
        # A thread would bring real time in, and with it another day under the same seed.
        self._threads.start()
        async with self.deployer_store.begin() as transaction:
            await transaction.keys.save(stored_keys(SECRET, self.clock.now()))
        await self._enrol({machine.node_id for machine in self.machines})
        self.registry.start()
        self.deployer.start()
        for machine in self.machines:
            machine.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.clock.after_step = lambda: None
        for machine in self.machines:
            await machine.kill()
        await self.registry.stop()
        await self.deployer.stop()
        await self.broker.close()
        self._threads.stop()
        self.logs.close()

    async def _enrol(self, node_ids: set[str]) -> None:
        async with self.registry_store.begin() as transaction:
            await transaction.lock_nodes(node_ids)
        for node_id in node_ids:
            self.registry_store.enrol(node_id, named(sealing_key_of(NODES)).key)

    def add_machine(self, node_id: str, accounts: list[str]) -> Machine:
        """A machine whose agent is not started yet. Its accounts are members of the node's own chat."""
        place = len(self.machines)
        seed = crc32(f"{self.seed} machine {place}".encode())
        pace = self._paces.get(place, 1.0)
        machine = Machine(node_id, accounts, self.broker, self.telegram, self.clock, seed, self.timing, pace)
        users = {account: 1000 * (place + 1) + each for each, account in enumerate(accounts)}
        for account, user in users.items():
            self.telegram.add_account(account, user)
        if self._vault:
            machine.sessions.files.clear()
        self.telegram.add_chat(self.chat(place), f"chat_{node_id}_{place}", GUEST, *users.values())
        self.machines.append(machine)
        return machine

    def chat(self, place: int) -> int:
        """The chat of a machine's accounts."""
        return -1000 - place

    async def run_for(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.run_for(seconds)
        self.registry.check()
        self.deployer.check()
        for machine in self.machines:
            machine.check()
        assert not self.telegram.violations, self.telegram.violations[:5]
        assert not self.broker.dead, self.broker.dead[:5]
        assert not self.logs.mistakes, self.logs.mistakes[:5]

    def _look(self) -> None:
        self._silences.look()
        self.telegram.look()

    async def rounds(self, count: int) -> None:
        """Let everybody take a few steps, in no time: to somewhere in the middle of what they do."""
        for _ in range(count):
            await asyncio.sleep(0)

    async def until(self, problems: Callable[[], Awaitable[list[str]]], within: float) -> float:
        """Let time pass until there are no problems; how many seconds that took."""
        began = self.clock.monotonic()
        while remaining := await problems():
            assert self.clock.monotonic() - began < within, f"still after {within:g} s: {remaining[:5]}"
            await self.run_for(1.0)
        return self.clock.monotonic() - began

    def lease_left(self, node_id: str) -> float:
        """Seconds until the node's lease ends as the registry counts it."""
        times = self.registry_store._tables.times.get(node_id)
        if times is None or times.lease_until is None:
            return -1.0
        return (times.lease_until - self.clock.now()).total_seconds()

    def say(self, place: int, text: str) -> None:
        """A guest speaks in a machine's chat; a suspended machine hears it when it wakes."""
        machine = self.machines[place]
        if machine.clock.paused:
            machine.clock.on_resume.append(lambda: self.say(place, text))
        else:
            self.telegram.say(self.chat(place), GUEST, text)

    def database_away(self, error: Unavailable | None) -> None:
        """Take the registry's database away, or give it back."""
        self.registry_store.fail_with = error

    def account_rows(self) -> list[tuple[tuple[str, str], AccountRow]]:
        """The registry's rows of accounts, by node and account."""
        return list(self.registry_store._tables.accounts.items())

    def changes_of(self, node_id: str, ledger_id: str) -> set[int]:
        """The numbers of the account changes of a ledger that the registry has recorded."""
        keys = self.registry_store._tables.changes
        return {number for node, ledger, number in keys if (node, ledger) == (node_id, ledger_id)}
