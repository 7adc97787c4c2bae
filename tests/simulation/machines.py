"""The machines of a simulated fleet: each with its disk, its sessions, its clock, its line, and an agent or none.

An agent can be killed and started again. A killed one writes nothing any more, not even that it stops: what its ledger
has not committed is gone, as after SIGKILL, and what its accounts have heard and not saved comes to them again. So is
one that its deadman ends; whoever supervises the machine starts another a moment later.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.node_agent.app import Agent
from services.node_agent.deadman_timer import InMemoryTimer
from services.node_agent.store.accounts import SqliteAccounts
from services.node_agent.store.database import Connection, Database, Row
from services.node_agent.store.deliveries import SqliteDeliveries
from services.node_agent.store.logins import FolderAndMemory, Logins
from services.node_agent.store.script_files import InMemoryScriptFiles
from services.node_agent.store.session_files import InMemorySessions
from services.node_agent.wiring.ports import NodeSettings
from services.node_agent.wiring.ports import Ports as AgentPorts
from shared.contracts.accounts import AccountReport
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.bindings import script_of
from shared.contracts.heartbeats import NodeFacts
from shared.messaging import Route
from shared.randomness import SeededRandomness
from tests.simulation.clocks import FleetClock, NodeClock
from tests.simulation.services import assert_running, end
from tests.simulation.timing import Timing
from tests.simulation.wire import Broker, Line, gated
from tests.support.agent.surroundings import Downloads, Statuses, at_once
from tests.support.agent.trusting import KeptInMemory, trust_of, trusted

if TYPE_CHECKING:
    from tests.simulation.telegram import GuardedTelegram

# Whoever supervises an agent (systemd, compose) starts it again so soon.
RESTART_SECONDS = 2.0


class Disk:
    """A node's ledger. It outlives its agents; `connect` gives one agent its connection."""

    def __init__(self) -> None:
        self.database = sqlite3.connect(":memory:", isolation_level=None)

    def connect(self) -> "DiskConnection":
        """A connection that a crash can take away."""
        return DiskConnection(self.database)

    async def read(self) -> Database:
        """What the disk has when nobody is writing; to be read at once."""
        while self.database.in_transaction:
            await asyncio.sleep(0)
        return Database(DiskConnection(self.database, gives_way=False))


class DiskConnection:
    """Implements the ledger's `Connection`."""

    def __init__(self, database: sqlite3.Connection, *, gives_way: bool = True) -> None:
        self._database = database
        self._gives_way = gives_way
        self._gone = False

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a statement, unless the process is dead."""
        await self._give_way()
        return self._database.execute(sql, parameters).fetchall()

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row, unless the process is dead."""
        await self._give_way()
        self._database.executemany(sql, rows)

    async def close(self) -> None:
        """End the connection and keep the disk."""
        self.crash()

    async def _give_way(self) -> None:
        """As a disk does: others get their turn, and the process may die meanwhile."""
        if self._gives_way:
            await asyncio.sleep(0)
        if self._gone:
            raise sqlite3.OperationalError("the process is dead")

    def crash(self) -> None:
        """Lose what is not committed, and write nothing any more."""
        if not self._gone:
            self._gone = True
            self._database.rollback()


@dataclass(frozen=True)
class Image:
    """A copy of a machine's disk: ledger and script files."""

    disk: Disk
    files: dict[str, bytes]


class Machine:
    """One node: its disk, its sessions, its keys, its clock, its line, and the agent that runs there or does not.

    `accounts` have their files in its session folder.
    """

    def __init__(
        self,
        node_id: str,
        accounts: Sequence[str],
        broker: Broker,
        telegram: "GuardedTelegram",
        clock: FleetClock,
        seed: int,
        timing: Timing,
        pace: float,
    ) -> None:
        self.node_id = node_id
        self.accounts = list(accounts)
        self.clock = NodeClock(clock, pace)
        self.disk = Disk()
        self.wiped = False
        self.status = Statuses()
        # What the node was given when it joined, and what it was told since; it outlives the ledger.
        self.kept = KeptInMemory([trusted()])
        self._files = InMemoryScriptFiles()
        self.sessions = InMemorySessions(*accounts)
        self.ended_by_deadman = 0
        self._timer: InMemoryTimer | None = None
        self._stopped = self._due = self._is_cut = False
        self._supervisor: asyncio.Task[None] | None = None
        self.clock.before_resume = self._before_waking
        self._broker = broker
        self._telegram = telegram
        self._randomness = SeededRandomness(seed)
        self._settings = NodeSettings(node_id, NodeFacts(hostname=node_id), timing.beat, login_sync_seconds=timing.sync)
        self._line: Line | None = None
        self._connections: list[DiskConnection] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def slept(self) -> bool:
        """Whether the whole machine is suspended, and not only its agent stopped: its kernel sleeps too."""
        return self.clock.paused and not self._stopped

    @property
    def agent(self) -> object:
        """What runs here: another one after every start."""
        return self._task

    @property
    def runs(self) -> bool:
        """Whether an agent runs here."""
        return self._task is not None

    def start(self) -> None:
        """Start an agent; one that runs goes on."""
        if self._task is None:
            self._line = Line(self._broker, self.clock, self._randomness)
            if self._is_cut:
                self._line.cut()
            self._task = asyncio.create_task(Agent(self._settings, self._ports(self._line)).run(), name=self.node_id)

    async def kill(self, *, wipe: bool = False) -> None:
        """End the agent in the middle of whatever it does; `wipe` also loses the disk."""
        supervisor, self._supervisor = self._supervisor, None
        task = self._die()
        await end([each for each in (supervisor, task) if each is not None])
        if wipe:
            self.disk = Disk()
            self._files.files.clear()

    def stop_process(self) -> None:
        """Stop the agent's process (SIGSTOP): nothing of it runs, its sockets stay, the kernel's timer goes on."""
        self._stopped = True
        self.clock.pause()

    def continue_process(self) -> None:
        """Let it go on (SIGCONT), if it is still there."""
        self._stopped = False
        self.clock.resume()

    def _die(self) -> "asyncio.Task[None] | None":
        """The process is gone in this moment. What is left of it has only to be cleaned up."""
        task, self._task = self._task, None
        if self._timer is not None:
            self._timer.clear()
        self._due = self._stopped = False
        if task is not None and self._line is not None:
            self._line.close()
            self._telegram.crash_on(self)
            for connection in self._connections:
                connection.crash()
            self._connections.clear()
            self.clock.resume()
        return task

    def _deadman(self) -> None:
        """The kernel's timer has run out. A machine that is suspended as a whole learns of it when it wakes."""
        if self.slept:
            self._due = True
            return
        self.ended_by_deadman += 1
        self._supervisor = asyncio.create_task(self._start_again(self._die()), name=f"supervisor of {self.node_id}")

    def _before_waking(self) -> None:
        if self._due:
            self._stopped, self._due = True, False
            self._deadman()

    async def _start_again(self, task: "asyncio.Task[None] | None") -> None:
        await end([task] if task is not None else [])
        await self.clock.sleep(RESTART_SECONDS)
        self.start()

    def image(self) -> "Image":
        """A copy of the whole disk."""
        copy = Disk()
        self.disk.database.backup(copy.database)
        return Image(copy, dict(self._files.files))

    def restore(self, image: "Image") -> None:
        """Put a copy in the disk's place; no agent runs."""
        assert not self.runs
        self.disk = Disk()
        image.disk.database.backup(self.disk.database)
        self.scripts.clear()
        self.scripts.update(image.files)

    @property
    def scripts(self) -> dict[str, bytes]:
        """The script files, for whoever edits or deletes one by hand."""
        return self._files.files

    def cut(self) -> None:
        """Take the node's network away."""
        self._is_cut = True
        if self._line is not None:
            self._line.cut()

    def mend(self) -> None:
        """Give it back."""
        self._is_cut = False
        if self._line is not None and self.runs:
            self._line.mend()

    def check(self) -> None:
        """Raises what ended the agent, if it ended by itself."""
        assert_running([self._task] if self._task is not None else [])

    async def reports(self) -> dict[str, AccountReport]:
        """The node's accounts as its ledger has them."""
        artifacts = {artifact.id: artifact for artifact in await self.artifacts()}
        database = await self.disk.read()
        bindings = await SqliteDeliveries(database, self._randomness).bindings()
        found = {}
        for account in await SqliteAccounts(database).accounts():
            script = script_of(bindings, account.account_id)
            found[account.account_id] = account.report(script, artifacts.get(script) if script else None)
        return found

    async def artifacts(self) -> list[AppliedArtifact]:
        """What the node should run, as its ledger has it."""
        stored = await SqliteDeliveries(await self.disk.read(), self._randomness).artifacts()
        return [each.artifact for each in stored]

    def ledger(self) -> tuple[str, int]:
        """The ledger's id, and the number of its last account change."""
        row = self.disk.database.execute("select ledger_id, last_change from identity").fetchone()
        return str(row[0]), int(row[1])

    def unconfirmed(self) -> int:
        """How many account changes the ledger keeps because no lease has confirmed them."""
        return int(self.disk.database.execute("select count(*) from changes").fetchone()[0])

    def _ports(self, line: Line) -> AgentPorts:
        async def open_ledger() -> Connection:
            self._connections.append(self.disk.connect())
            return self._connections[-1]

        async def consume(route: Route) -> None:
            await line.consumer([gated(route, self.clock.awake)]).run()

        logins = Logins()
        self._timer = InMemoryTimer(self.clock.kernel, self._deadman)
        return AgentPorts(
            bus=line,
            consume=consume,
            telegram=self._telegram.at(FolderAndMemory(self.sessions, logins), self),
            sessions=self.sessions,
            open_ledger=open_ledger,
            files=self._files,
            downloader=Downloads(),
            offload=at_once,
            status=self.status,
            trust=trust_of(self.node_id, self.clock, self.kept.kept[-1]),
            kept=self.kept,
            clock=self.clock,
            randomness=self._randomness,
            logins=logins,
            timer=self._timer,
        )
