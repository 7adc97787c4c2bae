"""Builds the agent: the only place where its parts are constructed and wired.

`build` makes an agent on the real parts that `settings` name; tests give `Agent` other ports. Construction touches
nothing: `Agent.run` opens the ledger, loads scripts and accounts, and runs the jobs until it is cancelled; then it
disconnects the accounts, saves what they counted and closes the ledger, in this order.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import structlog

from services.node_agent.domain.beats import Beats
from services.node_agent.domain.identity import Identity
from services.node_agent.domain.journal import Journal
from services.node_agent.domain.lease import Lease
from services.node_agent.domain.ports import Downloader, LedgerAway, Offload, ScriptFiles, Sessions
from services.node_agent.domain.telegram import Telegram
from services.node_agent.handlers.commands import Orders, commands_route
from services.node_agent.jobs.account_runner import RunnerParts
from services.node_agent.jobs.command_intake import CommandIntake
from services.node_agent.jobs.counters import keep_counters
from services.node_agent.jobs.crew import Crew
from services.node_agent.jobs.deliveries import DeliveryQueue
from services.node_agent.jobs.heartbeat import HeartbeatJob, HeartbeatWriter
from services.node_agent.jobs.lease_watch import LeaseWatch
from services.node_agent.jobs.outbox import ChangeOutbox, ReportOutbox
from services.node_agent.jobs.script_files import watch_script_files
from services.node_agent.jobs.turns import Turns
from services.node_agent.publisher import BusPublisher
from services.node_agent.settings import AgentSettings
from services.node_agent.store.accounts import SqliteAccounts
from services.node_agent.store.database import Connection, Database, FileConnection
from services.node_agent.store.deliveries import SqliteDeliveries
from services.node_agent.store.download import HttpDownloader
from services.node_agent.store.identity import begin_boot
from services.node_agent.store.script_files import ScriptFolder
from services.node_agent.store.session_files import SessionFolder
from services.node_agent.store.status_file import Status, StatusFile
from services.node_agent.store.time_zone import local_time_zone
from services.node_agent.telegram.sessions import Place
from services.node_agent.telegram.telethon_client import TelethonTelegram, trust_sandbox
from services.node_agent.transports.amqp import AmqpTransport
from services.node_agent.transports.folder import FolderTransport
from services.node_agent.transports.http import HttpTransport
from services.node_agent.use_cases.accept_lease import AcceptLease
from services.node_agent.use_cases.apply_delivery import ApplyDelivery, Loading
from services.node_agent.use_cases.delivery_reports import DeliveryReports
from services.node_agent.use_cases.drop_delivery import DropDelivery
from services.node_agent.use_cases.know_own_accounts import KnowOwnAccounts
from services.node_agent.use_cases.look_at_files import LookAtFiles
from services.node_agent.use_cases.restore_stage import RestoreStage
from services.node_agent.use_cases.roster import Roster
from services.node_agent.use_cases.stage import Stage
from services.node_agent.use_cases.take_delivery import TakeDelivery
from services.node_agent.use_cases.unsaid import Unsaid
from shared.alarm import Alarm
from shared.clock import Clock
from shared.contracts.heartbeats import NodeFacts
from shared.draining import Drain
from shared.messaging import Bus, PublishFailed, Route
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

# Accounts that connect at once; the others wait their turn, so a start is no flood of key exchanges.
CONNECTING_AT_ONCE = 20

# Consumes a route until it is cancelled.
Consume = Callable[[Route], Coroutine[Any, Any, None]]
# Runs until it is cancelled.
Job = Callable[[], Coroutine[Any, Any, None]]
Jobs = dict[str, Job]


class Transport(Bus, Protocol):
    """A way to the back office and from it; see `transports`."""

    async def consume(self, route: Route) -> None:
        """Consume until cancelled."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...


class StatusWriter(Protocol):
    """Where the agent's status goes."""

    def write(self, status: Status) -> None:
        """Replace the status; never raises."""
        ...


async def _nothing() -> None:
    """There is nothing to close."""


@dataclass(frozen=True)
class Ports:
    """What the agent is connected to; `close` gives the connections back."""

    bus: Bus
    consume: Consume
    telegram: Telegram
    sessions: Sessions
    open_ledger: Callable[[], Coroutine[Any, Any, Connection]]
    files: ScriptFiles
    downloader: Downloader
    offload: Offload
    status: StatusWriter
    clock: Clock
    randomness: Randomness
    close: Callable[[], Awaitable[None]] = _nothing


@dataclass(frozen=True)
class NodeSettings:
    """What the agent is, whatever it is connected to; `transport` is for its status."""

    node_id: str
    facts: NodeFacts
    heartbeat_seconds: float
    transport: str = "amqp"
    script_check_seconds: float = 30.0


class Agent:
    """One agent; see the module's docstring."""

    def __init__(self, settings: NodeSettings, ports: Ports) -> None:
        self._settings = settings
        self._ports = ports

    async def run(self) -> None:
        """Run until cancelled, or until a part fails. Raises LedgerAway when the ledger cannot be used."""
        database = Database(await self._ports.open_ledger())
        try:
            await database.prepare()
            identity = await begin_boot(database, self._ports.clock.now(), self._ports.randomness)
            log.info("agent_started", node=self._settings.node_id, boot=identity.boot)
            await self._run(_assemble(self._settings, self._ports, database, identity))
        finally:
            await database.close()
            await self._ports.close()

    async def _run(self, parts: "_Parts") -> None:
        try:
            await parts.restore()
            await parts.roster.load()
            async with asyncio.TaskGroup() as group:
                for name, job in parts.jobs.items():
                    group.create_task(job(), name=name)
        finally:
            await parts.roster.close()


@dataclass(frozen=True)
class _Parts:
    restore: RestoreStage
    roster: Roster
    jobs: Jobs


@dataclass(frozen=True)
class _Core:
    """What the parts of one start of the agent share; `beat` forces a heartbeat."""

    settings: NodeSettings
    ports: Ports
    identity: Identity
    accounts: SqliteAccounts
    deliveries: SqliteDeliveries
    publisher: BusPublisher
    lease: Lease
    beats: Beats
    stage: Stage
    unsaid: Unsaid
    roster: Roster
    beat: Alarm

    def drain(self, name: str, step: Callable[[], Awaitable[bool]]) -> Drain:
        """A job that empties something of the ledger whenever it is woken."""
        away = (PublishFailed, LedgerAway)
        return Drain(name, step, None, self.ports.clock, self.ports.randomness, away=away)


def _assemble(settings: NodeSettings, ports: Ports, database: Database, identity: Identity) -> _Parts:
    core = _core(settings, ports, database, identity)
    crew = _crew(core)
    orders, applying = _applying(core, crew)
    restore = RestoreStage(core.deliveries, core.accounts, ports.files, core.stage, core.unsaid, ports.offload)
    jobs: Jobs = {
        **_leasing(core, crew, orders),
        **applying,
        "crew": crew.run,
        "heartbeat": _heartbeat(core),
        "counters": lambda: keep_counters(core.roster, ports.clock),
    }
    return _Parts(restore, core.roster, jobs)


def _core(settings: NodeSettings, ports: Ports, database: Database, identity: Identity) -> _Core:
    clock, randomness = ports.clock, ports.randomness
    accounts, beats, journal = SqliteAccounts(database), Beats(), Journal()
    stage, unsaid = Stage(randomness, journal), Unsaid(journal, clock, randomness)
    return _Core(
        settings=settings,
        ports=ports,
        identity=identity,
        accounts=accounts,
        deliveries=SqliteDeliveries(database, randomness),
        publisher=BusPublisher(ports.bus),
        lease=Lease(identity.boot),
        beats=beats,
        stage=stage,
        unsaid=unsaid,
        roster=Roster(settings.node_id, identity, accounts, beats, stage, unsaid, journal, clock),
        beat=Alarm(clock),
    )


def _crew(core: _Core) -> Crew:
    clock, randomness = core.ports.clock, core.ports.randomness
    turns = Turns(CONNECTING_AT_ONCE, clock, randomness)
    parts = RunnerParts(core.ports.telegram, core.roster, core.unsaid, core.stage, core.lease, clock, randomness, turns)
    return Crew(core.ports.sessions, core.roster, core.lease, parts, clock)


def _applying(core: _Core, crew: Crew) -> tuple[Orders, Jobs]:
    """Deliveries: from the order to the report."""
    ports, reports, desk = core.ports, DeliveryReports(core.stage, core.ports.clock), asyncio.Lock()
    take = TakeDelivery(core.settings.node_id, core.deliveries, core.stage, reports, desk)
    loading = Loading(ports.files, ports.downloader, ports.offload, ports.clock)
    apply = ApplyDelivery(core.deliveries, core.stage, core.roster, loading, reports, desk)
    queue = core.drain("deliveries", DeliveryQueue(core.deliveries, apply).apply_one)
    outbox = core.drain("reports", ReportOutbox(core.deliveries, core.publisher).send_some)

    def taken() -> None:
        queue.wake()
        outbox.wake()

    def applied() -> None:
        outbox.wake()
        core.beat.ring()
        crew.wake_runners()

    async def apply_deliveries() -> None:
        # An order that names an account would be refused before the crew has found it.
        await crew.looked.wait()
        await queue.run()

    take.taken, apply.applied = taken, applied
    look = LookAtFiles(ports.files, core.stage, loading)
    look.changed = core.beat.ring
    orders = Orders(take, DropDelivery(core.settings.node_id, core.deliveries, desk))
    return orders, {
        "deliveries": apply_deliveries,
        "reports": outbox.run,
        "script files": lambda: watch_script_files(look, core.settings.script_check_seconds, ports.clock),
    }


def _leasing(core: _Core, crew: Crew, orders: Orders) -> Jobs:
    """The node's queue, the lease that comes through it, and the account changes that a lease confirms."""
    node_id, ports = core.settings.node_id, core.ports
    accept = AcceptLease(node_id, core.identity, core.lease, core.beats, core.accounts)
    outbox = ChangeOutbox(core.accounts, core.publisher, ports.clock, core.settings.heartbeat_seconds)
    telling = core.drain("changes", outbox.send_some)
    watched, left = Alarm(ports.clock), Alarm(ports.clock)

    def changed() -> None:
        telling.wake()
        core.beat.ring()

    def answered() -> None:
        watched.ring()
        left.ring()

    def confirmed(through: int) -> None:
        outbox.confirmed(through)
        telling.wake()

    core.roster.changed = changed
    accept.answered, accept.wanted, accept.confirmed = answered, core.beat.ring, confirmed
    route = commands_route(node_id, accept, orders, KnowOwnAccounts(node_id, core.roster))
    return {
        "consumer": CommandIntake(lambda: ports.consume(route), core.lease, left).run,
        "lease": LeaseWatch(core.lease, crew, ports.clock, watched).run,
        "changes": telling.run,
    }


def _heartbeat(core: _Core) -> Job:
    settings, ports = core.settings, core.ports
    writer = HeartbeatWriter(settings.node_id, settings.facts, core.identity, core.beats, core.stage, core.roster)
    after_beat = _status_after_beat(settings, ports, core.lease, core.roster)
    job = HeartbeatJob(writer, core.lease, core.publisher, core.beat, after_beat)
    return lambda: job.run(settings.heartbeat_seconds, ports.clock, ports.randomness)


def _status_after_beat(
    settings: NodeSettings, ports: Ports, lease: Lease, roster: Roster
) -> Callable[[str | None], None]:
    def after_beat(error: str | None) -> None:
        running = lease.may_run(ports.clock.monotonic())
        ports.status.write(
            Status(
                node_id=settings.node_id,
                at=ports.clock.now().isoformat(),
                beat_seconds=settings.heartbeat_seconds,
                transport=settings.transport,
                version=settings.facts.agent_version,
                pid=os.getpid(),
                broker=error or "connected",
                lease="refused" if lease.refusal else "valid" if running else "none",
                accounts=roster.counted(),
            )
        )

    return after_beat


def build(settings: AgentSettings, clock: Clock, randomness: Randomness) -> Agent:
    """The agent on real parts. Raises OSError or ValueError when the sandbox's key cannot be read."""
    telegram = settings.telegram
    sandbox = None
    if telegram.server_address and telegram.server_port and telegram.server_key_file:
        trust_sandbox(telegram.server_key_file)
        sandbox = Place(telegram.dc_id, telegram.server_address, telegram.server_port)
    folder = SessionFolder(settings.sessions_dir)
    transport = transport_of(settings, clock, randomness)
    ports = Ports(
        bus=transport,
        consume=transport.consume,
        telegram=TelethonTelegram(telegram.api_id, telegram.api_hash.get_secret_value(), folder, sandbox),
        sessions=folder,
        open_ledger=lambda: FileConnection.open(settings.state_dir / "ledger.sqlite"),
        files=ScriptFolder(settings.state_dir / "scripts"),
        downloader=HttpDownloader(),
        offload=asyncio.to_thread,
        status=StatusFile(status_path(settings.state_dir)),
        clock=clock,
        randomness=randomness,
        close=transport.close,
    )
    facts = NodeFacts(
        source=settings.source,
        hostname=socket.gethostname(),
        agent_version=_version(),
        labels=settings.labels,
        time_zone=local_time_zone(),
    )
    node = NodeSettings(
        settings.node_id, facts, settings.heartbeat_seconds, settings.transport, settings.script_check_seconds
    )
    return Agent(node, ports)


def status_path(state_dir: Path) -> Path:
    """Where the status of the agent with this state folder is."""
    return state_dir / "status.json"


def transport_of(settings: AgentSettings, clock: Clock, randomness: Randomness) -> Transport:
    """The transport that the settings name; they have what it needs."""
    node_id = settings.node_id
    match settings.transport:
        case "http":
            assert settings.url is not None and settings.token is not None
            return HttpTransport(settings.url, settings.token.get_secret_value(), node_id, clock, randomness)
        case "folder":
            return FolderTransport(settings.exchange_dir, node_id, clock, randomness)
        case "amqp":
            assert settings.amqp_url is not None
            return AmqpTransport(settings.amqp_url, node_id, clock, randomness)


def _version() -> str:
    try:
        return metadata.version("callboard")
    except metadata.PackageNotFoundError:
        return "0"
