"""Builds the agent: the only place where its parts are constructed and wired.

`build` makes an agent on the real parts that `settings` name; tests give `Agent` other ports. Construction touches
nothing: `Agent.run` opens the ledger, loads scripts and accounts, and runs the jobs until it is cancelled; then it
disconnects the accounts, saves what they counted and closes the ledger, in this order.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog

from services.node_agent.domain.beats import Beats
from services.node_agent.domain.identity import Identity
from services.node_agent.domain.journal import Journal
from services.node_agent.domain.lease import Lease
from services.node_agent.domain.ports import Downloader, Offload, ScriptFiles, Sessions
from services.node_agent.domain.telegram import Telegram
from services.node_agent.handlers.commands import commands_route
from services.node_agent.jobs.account_runner import RunnerParts
from services.node_agent.jobs.command_intake import CommandIntake
from services.node_agent.jobs.counters import keep_counters
from services.node_agent.jobs.crew import Crew
from services.node_agent.jobs.deliveries import DeliveryJob
from services.node_agent.jobs.heartbeat import HeartbeatJob, HeartbeatWriter
from services.node_agent.jobs.lease_watch import LeaseWatch
from services.node_agent.jobs.outbox import ChangeOutbox, ReportOutbox, relay
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
from services.node_agent.telegram.sessions import Place
from services.node_agent.telegram.telethon_client import TelethonTelegram, trust_sandbox
from services.node_agent.use_cases.accept_lease import AcceptLease
from services.node_agent.use_cases.apply_delivery import ApplyDelivery, Loading
from services.node_agent.use_cases.delivery_reports import DeliveryReports
from services.node_agent.use_cases.know_own_accounts import KnowOwnAccounts
from services.node_agent.use_cases.look_at_files import LookAtFiles
from services.node_agent.use_cases.restore_stage import RestoreStage
from services.node_agent.use_cases.roster import Roster
from services.node_agent.use_cases.stage import Stage
from services.node_agent.use_cases.take_delivery import TakeDelivery
from services.node_agent.use_cases.unsaid import Unsaid
from shared.alarm import Alarm
from shared.clock import Clock
from shared.contracts import names
from shared.contracts.heartbeats import NodeFacts
from shared.messaging import Bus, Route
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

# Accounts that connect at once; the others wait their turn, so a start is no flood of key exchanges.
CONNECTING_AT_ONCE = 20

T = TypeVar("T")

# Consumes a route until it is cancelled.
Consume = Callable[[Route], Coroutine[Any, Any, None]]


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
    """What the agent is, whatever it is connected to."""

    node_id: str
    facts: NodeFacts
    heartbeat_seconds: float
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
    jobs: Mapping[str, Callable[[], Coroutine[Any, Any, None]]]


def _assemble(settings: NodeSettings, ports: Ports, database: Database, identity: Identity) -> _Parts:
    clock, randomness, node_id = ports.clock, ports.randomness, settings.node_id
    accounts, deliveries = SqliteAccounts(database), SqliteDeliveries(database, randomness)
    lease, beats, journal = Lease(identity.boot), Beats(), Journal()
    stage, unsaid = Stage(randomness, journal), Unsaid(journal, clock, randomness)
    roster = Roster(node_id, identity, accounts, beats, stage, unsaid, journal, clock)
    turns = Turns(CONNECTING_AT_ONCE, clock, randomness)
    crew = Crew(
        ports.sessions,
        roster,
        lease,
        RunnerParts(ports.telegram, roster, unsaid, stage, lease, clock, randomness, turns),
        clock,
    )
    publisher = BusPublisher(ports.bus)
    reports, desk = DeliveryReports(stage, clock), asyncio.Lock()
    take = TakeDelivery(node_id, deliveries, stage, reports, desk)
    loading = Loading(ports.files, ports.downloader, ports.offload)
    apply = ApplyDelivery(deliveries, stage, roster, loading, reports, desk)
    look = LookAtFiles(ports.files, stage, loading)
    accept = AcceptLease(node_id, identity, lease, beats, accounts)
    report_outbox = ReportOutbox(deliveries, publisher)
    change_outbox = ChangeOutbox(accounts, publisher, clock, settings.heartbeat_seconds)
    beat, received, leased, answered, to_report, to_tell = (Alarm(clock) for _ in range(6))

    def changed() -> None:
        to_tell.ring()
        beat.ring()

    def taken() -> None:
        received.ring()
        to_report.ring()

    def applied() -> None:
        to_report.ring()
        beat.ring()
        crew.wake_runners()

    def confirmed(through: int) -> None:
        change_outbox.confirmed(through)
        to_tell.ring()

    async def apply_deliveries() -> None:
        # An order that names an account would be refused before the crew has found it.
        await crew.looked.wait()
        await DeliveryJob(deliveries, apply, received).run(clock, randomness)

    def heard_of_lease() -> None:
        leased.ring()
        answered.ring()

    roster.changed, take.taken, apply.applied, look.changed = changed, taken, applied, beat.ring
    accept.answered, accept.wanted, accept.confirmed = heard_of_lease, beat.ring, confirmed
    heartbeat = HeartbeatJob(
        HeartbeatWriter(node_id, settings.facts, identity, beats, stage, roster),
        lease,
        publisher,
        beat,
        _status_after_beat(settings, ports, lease, roster),
    )
    route = commands_route(node_id, accept, take, KnowOwnAccounts(node_id, roster))
    jobs: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "consumer": CommandIntake(lambda: ports.consume(route), lease, answered).run,
        "crew": crew.run,
        "lease": LeaseWatch(lease, crew, clock, leased).run,
        "deliveries": apply_deliveries,
        "heartbeat": lambda: heartbeat.run(settings.heartbeat_seconds, clock, randomness),
        "reports": lambda: relay("reports", report_outbox.send_some, to_report, clock, randomness),
        "changes": lambda: relay("changes", change_outbox.send_some, to_tell, clock, randomness),
        "counters": lambda: keep_counters(roster, clock),
        "script files": lambda: watch_script_files(look, settings.script_check_seconds, clock),
    }
    restore = RestoreStage(deliveries, accounts, ports.files, stage, unsaid, ports.offload)
    return _Parts(restore, roster, jobs)


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
    bus = RabbitBus(
        settings.amqp_url,
        f"node_agent/{settings.node_id}",
        [names.node_commands_queue(settings.node_id)],
        clock,
        randomness,
    )
    ports = Ports(
        bus=bus,
        consume=_rabbit_consume(settings, bus, clock, randomness),
        telegram=TelethonTelegram(telegram.api_id, telegram.api_hash.get_secret_value(), folder, sandbox),
        sessions=folder,
        open_ledger=lambda: FileConnection.open(settings.state_dir / "ledger.sqlite"),
        files=ScriptFolder(settings.state_dir / "scripts"),
        downloader=HttpDownloader(),
        offload=_in_a_thread,
        status=StatusFile(status_path(settings.state_dir)),
        clock=clock,
        randomness=randomness,
        close=bus.close,
    )
    facts = NodeFacts(
        source=settings.source, hostname=socket.gethostname(), agent_version=_version(), labels=settings.labels
    )
    node = NodeSettings(settings.node_id, facts, settings.heartbeat_seconds, settings.script_check_seconds)
    return Agent(node, ports)


def status_path(state_dir: Path) -> Path:
    """Where the status of the agent with this state folder is."""
    return state_dir / "status.json"


def _rabbit_consume(settings: AgentSettings, bus: RabbitBus, clock: Clock, randomness: Randomness) -> Consume:
    async def consume(route: Route) -> None:
        await RabbitConsumer(settings.amqp_url, [route], bus, clock, randomness).run()

    return consume


async def _in_a_thread(function: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.to_thread(function, *arguments)


def _version() -> str:
    try:
        return metadata.version("callboard")
    except metadata.PackageNotFoundError:
        return "0"
