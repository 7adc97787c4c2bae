"""Builds the agent: the only place where its parts are constructed and wired.

`build` makes an agent on the real parts that `settings` name; tests give `Agent` other ports. Construction touches
nothing: `Agent.run` opens the ledger, loads scripts and accounts, and runs the jobs until it is cancelled; then it
disconnects the accounts, saves what they counted and closes the ledger, in this order.
"""

import asyncio
import base64
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import structlog

from services.node_agent.deadman_timer import KernelTimer
from services.node_agent.domain.assignments import Assignments
from services.node_agent.domain.beats import Beats
from services.node_agent.domain.deadman import Deadman, NoTimer, Timer
from services.node_agent.domain.identity import Identity
from services.node_agent.domain.journal import Journal
from services.node_agent.domain.keys import NodeKeys
from services.node_agent.domain.lease import Lease
from services.node_agent.domain.membership import Membership
from services.node_agent.domain.permission import Permission
from services.node_agent.domain.ports import (
    Downloader,
    HeldLogins,
    KeptKeys,
    LedgerAway,
    Offload,
    ScriptFiles,
    SessionFiles,
)
from services.node_agent.domain.sign_in import SignInDoor
from services.node_agent.domain.telegram import Telegram
from services.node_agent.domain.trust import Trust
from services.node_agent.handlers.commands import Fleet, Orders, Vault, commands_route
from services.node_agent.jobs.account_runner import RunnerParts
from services.node_agent.jobs.command_intake import CommandIntake
from services.node_agent.jobs.counters import keep_counters
from services.node_agent.jobs.crew import Crew, Quarters
from services.node_agent.jobs.deadman_mark import DeadmanMark
from services.node_agent.jobs.deliveries import DeliveryQueue
from services.node_agent.jobs.heartbeat import ASK_AGAIN_SHARE, HeartbeatJob, HeartbeatWriter, Standing, Told
from services.node_agent.jobs.lease_watch import LeaseWatch
from services.node_agent.jobs.login_sync import LoginSync
from services.node_agent.jobs.outbox import ChangeOutbox, LoginOutbox, ReportOutbox, SignInOutbox
from services.node_agent.jobs.script_files import watch_script_files
from services.node_agent.jobs.turns import Turns
from services.node_agent.publisher import BusPublisher
from services.node_agent.settings import AgentSettings
from services.node_agent.store.accounts import SqliteAccounts
from services.node_agent.store.database import Connection, Database, FileConnection
from services.node_agent.store.deliveries import SqliteDeliveries
from services.node_agent.store.download import HttpDownloader
from services.node_agent.store.handed_back import SqliteHandedBack
from services.node_agent.store.identity import begin_boot
from services.node_agent.store.identity_file import IdentityFile
from services.node_agent.store.logins import FolderAndMemory, Logins
from services.node_agent.store.machine import resources_of
from services.node_agent.store.script_files import ScriptFolder
from services.node_agent.store.session_files import SessionFolder
from services.node_agent.store.sign_ins import SqliteSignIns
from services.node_agent.store.status_file import Status, StatusFile
from services.node_agent.store.time_zone import local_time_zone
from services.node_agent.store.watch import SqliteWatch
from services.node_agent.telegram.in_memory_sign_in import InMemoryDoor
from services.node_agent.telegram.sessions import Place, load_session
from services.node_agent.telegram.sign_in import TelethonDoor
from services.node_agent.telegram.telethon_client import TelethonTelegram, trust_sandbox
from services.node_agent.transports.amqp import AmqpTransport, address_of
from services.node_agent.transports.folder import FolderTransport
from services.node_agent.transports.http import HttpTransport
from services.node_agent.use_cases.accept_lease import AcceptLease, Allowance
from services.node_agent.use_cases.apply_delivery import ApplyDelivery, Loading
from services.node_agent.use_cases.check_orders import checked
from services.node_agent.use_cases.delivery_reports import DeliveryReports
from services.node_agent.use_cases.drop_delivery import DropDelivery
from services.node_agent.use_cases.hand_back import HandBack, StoredForm
from services.node_agent.use_cases.know_assignments import KnowAssignments, KnowRefused, KnowStored
from services.node_agent.use_cases.know_own_accounts import KnowOwnAccounts
from services.node_agent.use_cases.look_at_files import LookAtFiles
from services.node_agent.use_cases.restore_stage import RestoreStage
from services.node_agent.use_cases.roster import Roster
from services.node_agent.use_cases.sealing_logins import LoginSealer
from services.node_agent.use_cases.sign_ins import SignIns
from services.node_agent.use_cases.stage import Stage
from services.node_agent.use_cases.sync_login import SyncLogin
from services.node_agent.use_cases.take_delivery import TakeDelivery
from services.node_agent.use_cases.take_login import TakeLogin
from services.node_agent.use_cases.unsaid import Unsaid
from services.node_agent.use_cases.waiting import Waiting
from shared.alarm import Alarm
from shared.clock import Clock
from shared.contracts.heartbeats import NodeFacts, Resources
from shared.draining import Drain
from shared.messaging import Bus, PublishFailed, Route
from shared.randomness import Randomness
from shared.tls import trusting

log = structlog.get_logger(__name__)

# Accounts that connect at once; the others wait their turn, so a start is no flood of key exchanges.
CONNECTING_AT_ONCE = 20
# How often it is looked whether a login that was handed back has to be sent again.
LOGINS_POLL_SECONDS = 10.0
# For the last states of the logins at the agent's end; what does not leave in it waits in the ledger.
FAREWELL_SECONDS = 2.0

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


def _untold() -> None:
    """This machine is none."""


def _as_it_is(content: bytes) -> bytes:
    return content


@dataclass(frozen=True)
class Ports:
    """What the agent is connected to; `close` gives the connections back.

    `trust` says whose orders it takes, and `kept` keeps that across restarts. `logins` is where `telegram` finds the
    logins that are not among `sessions`, `door` where new ones are made. `timer` ends the process. `resources` looks
    what the machine has left.
    """

    bus: Bus
    consume: Consume
    telegram: Telegram
    sessions: SessionFiles
    open_ledger: Callable[[], Coroutine[Any, Any, Connection]]
    files: ScriptFiles
    downloader: Downloader
    offload: Offload
    status: StatusWriter
    trust: Trust
    kept: KeptKeys
    clock: Clock
    randomness: Randomness
    logins: HeldLogins = field(default_factory=Logins)
    stored_form: StoredForm = _as_it_is
    door: SignInDoor = field(default_factory=InMemoryDoor)
    timer: Timer = field(default_factory=NoTimer)
    resources: Callable[[], Resources | None] = _untold
    close: Callable[[], Awaitable[None]] = _nothing


@dataclass(frozen=True)
class NodeSettings:
    """What the agent is, whatever it is connected to; `transport` is for its status."""

    node_id: str
    facts: NodeFacts
    heartbeat_seconds: float
    transport: str = "amqp"
    script_check_seconds: float = 30.0
    login_sync_seconds: float = 600.0


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
            await parts.look_back()
            await parts.restore()
            await parts.roster.load()
            async with asyncio.TaskGroup() as group:
                for name, job in parts.jobs.items():
                    group.create_task(job(), name=name)
        finally:
            await parts.farewell()
            await parts.roster.close()


@dataclass(frozen=True)
class _Parts:
    restore: RestoreStage
    roster: Roster
    jobs: Jobs
    look_back: Callable[[], Awaitable[None]]
    farewell: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class _Core:
    """What the parts of one start of the agent share; `beat` forces a heartbeat."""

    settings: NodeSettings
    ports: Ports
    identity: Identity
    accounts: SqliteAccounts
    deliveries: SqliteDeliveries
    handed_back: SqliteHandedBack
    sign_ins: SqliteSignIns
    publisher: BusPublisher
    lease: Lease
    assignments: Assignments
    deadman: Deadman
    sealer: LoginSealer
    hand_back: HandBack
    beats: Beats
    stage: Stage
    unsaid: Unsaid
    roster: Roster
    beat: Alarm

    def drain(self, name: str, step: Callable[[], Awaitable[bool]], poll: float | None = None) -> Drain:
        """A job that empties something of the ledger whenever it is woken."""
        away = (PublishFailed, LedgerAway)
        return Drain(name, step, poll, self.ports.clock, self.ports.randomness, away=away)


def _assemble(settings: NodeSettings, ports: Ports, database: Database, identity: Identity) -> _Parts:
    core = _core(settings, ports, database, identity)
    crew = _crew(core)
    orders, applying = _applying(core, crew)
    vault, returning, hand_over = _logins(core, crew)
    mark, marking = _deadman_mark(core, database)
    restore = RestoreStage(core.deliveries, core.accounts, ports.files, core.stage, core.unsaid, ports.offload)
    jobs: Jobs = {
        **_leasing(core, crew, orders, vault),
        **applying,
        **returning,
        **marking,
        "crew": crew.run,
        "heartbeat": _heartbeat(core, crew),
        "counters": lambda: keep_counters(core.roster, ports.clock),
    }

    async def farewell() -> None:
        await hand_over()
        await mark.note()

    return _Parts(restore, core.roster, jobs, mark.look_back, farewell)


def _core(settings: NodeSettings, ports: Ports, database: Database, identity: Identity) -> _Core:
    clock, randomness = ports.clock, ports.randomness
    accounts, beats, journal = SqliteAccounts(database), Beats(), Journal()
    stage, unsaid = Stage(randomness, journal), Unsaid(journal, clock, randomness)
    handed_back = SqliteHandedBack(database)
    sealer = LoginSealer(ports.trust, identity.boot, ports.offload, clock)
    return _Core(
        settings=settings,
        ports=ports,
        identity=identity,
        accounts=accounts,
        deliveries=SqliteDeliveries(database, randomness),
        handed_back=handed_back,
        sign_ins=SqliteSignIns(database),
        publisher=BusPublisher(ports.bus, settings.node_id),
        lease=Lease(identity.boot),
        assignments=Assignments(),
        deadman=Deadman(ports.timer),
        sealer=sealer,
        hand_back=HandBack(ports.logins, ports.sessions, handed_back, sealer, ports.stored_form),
        beats=beats,
        stage=stage,
        unsaid=unsaid,
        roster=Roster(settings.node_id, identity, accounts, beats, stage, unsaid, journal, clock),
        beat=Alarm(clock),
    )


def _crew(core: _Core) -> Crew:
    ports, roster, assignments = core.ports, core.roster, core.assignments
    parts = RunnerParts(
        telegram=ports.telegram,
        roster=roster,
        unsaid=core.unsaid,
        stage=core.stage,
        permission=Permission(core.lease, assignments),
        deadman=core.deadman,
        clock=ports.clock,
        randomness=ports.randomness,
        turns=Turns(CONNECTING_AT_ONCE, ports.clock, ports.randomness),
    )
    waiting = Waiting(roster, assignments, ports.logins, ports.clock)
    crew = Crew(Quarters(ports.sessions, assignments, ports.logins, core.hand_back, waiting), parts)
    crew.gave_back = core.beat.ring
    return crew


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


def _logins(core: _Core, crew: Crew) -> tuple[Vault, Jobs, Callable[[], Awaitable[None]]]:
    """Logins that come from the vault, and their newest states on the way back."""
    node_id, ports, hand_back = core.settings.node_id, core.ports, core.hand_back
    take = TakeLogin(node_id, core.assignments, ports.logins, core.sealer, ports.downloader)
    outbox = LoginOutbox(core.handed_back, core.publisher, ports.clock, ports.randomness)
    sending = core.drain("logins", outbox.send_some, LOGINS_POLL_SECONDS)
    sync = LoginSync(ports.logins, hand_back, core.settings.login_sync_seconds, ports.clock, ports.randomness)
    take.taken, hand_back.kept = crew.ring, sending.wake

    async def farewell() -> None:
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await hand_back.everything()
                while await outbox.send_some():
                    pass
        except (LedgerAway, PublishFailed, TimeoutError) as error:
            log.warning("logins_not_handed_back", reason=str(error) or "there was no time", advice="what the ledger "
                        "has is sent when the agent starts again")  # fmt: skip

    sign_ins, signed_in, signing_in = _sign_ins(core)
    refused = KnowRefused(node_id, core.roster)

    def held(account_id: str, epoch: int, hash_: str) -> None:
        outbox.refused(account_id, epoch, hash_)
        signed_in.refused(hash_)
        sync.refused(account_id)

    refused.held = held
    vault = Vault(
        take,
        KnowStored(node_id, hand_back, core.sign_ins, core.roster),
        refused,
        SyncLogin(node_id, core.assignments, hand_back, crew.save),
        sign_ins,
    )
    return vault, {"logins": sending.run, "login sync": sync.run, **signing_in}, farewell


def _deadman_mark(core: _Core, database: Database) -> tuple[DeadmanMark, Jobs]:
    """Whether accounts are connected, for the next start of the agent to know."""
    changed = Alarm(core.ports.clock)
    core.deadman.changed = changed.ring
    mark = DeadmanMark(core.deadman, SqliteWatch(database), changed)
    return mark, {"deadman mark": mark.run}


def _sign_ins(core: _Core) -> tuple[SignIns, SignInOutbox, Jobs]:
    """Sign-ins at Telegram, and what is said of them."""
    ports = core.ports
    sign_ins = SignIns(ports.door, ports.trust, core.sealer, core.sign_ins, ports.clock)
    outbox = SignInOutbox(core.sign_ins, core.publisher, ports.clock, ports.randomness)
    telling = core.drain("sign-in reports", outbox.send_some, LOGINS_POLL_SECONDS)
    sign_ins.told = telling.wake
    return sign_ins, outbox, {"sign-ins": sign_ins.run, "sign-in reports": telling.run}


def _leasing(core: _Core, crew: Crew, orders: Orders, vault: Vault) -> Jobs:
    """The node's queue, the lease that comes through it, and the account changes that a lease confirms."""
    node_id, ports = core.settings.node_id, core.ports
    allowance = Allowance(core.lease, core.assignments, core.deadman)
    accept = AcceptLease(node_id, core.identity, allowance, core.beats, core.accounts)
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
    accept.answered, accept.wanted, accept.named, accept.confirmed = answered, core.beat.ring, crew.ring, confirmed
    fleet = Fleet(accept, _know_assignments(core, crew), KnowOwnAccounts(node_id, core.roster))
    route = checked(commands_route(node_id, fleet, orders, vault), ports.trust, ports.kept)
    ports.trust.adopted = core.beat.ring
    return {
        "consumer": CommandIntake(lambda: ports.consume(route), core.lease, left).run,
        "lease": LeaseWatch(core.lease, crew, ports.clock, watched).run,
        "changes": telling.run,
    }


def _know_assignments(core: _Core, crew: Crew) -> KnowAssignments:
    know = KnowAssignments(core.settings.node_id, core.assignments)

    def taken() -> None:
        crew.ring()
        core.beat.ring()

    know.taken = taken
    return know


def _heartbeat(core: _Core, crew: Crew) -> Job:
    settings, ports = core.settings, core.ports
    standing = Standing(core.assignments, ports.logins, settings.heartbeat_seconds * ASK_AGAIN_SHARE)

    def told() -> Told:
        return Told(ports.trust.told_in(settings.facts), ports.resources())

    writer = HeartbeatWriter(settings.node_id, told, core.identity, core.beats, core.stage, core.roster, standing)
    after_beat = _status_after_beat(settings, ports, core.lease, core.roster)
    job = HeartbeatJob(writer, core.lease, core.publisher, core.beat, after_beat)

    async def beat() -> None:
        # A full report of a ledger that is new would say that there are no accounts, and they would be taken from it.
        await crew.looked.wait()
        await job.run(settings.heartbeat_seconds, ports.clock, ports.randomness)

    return beat


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


def build(settings: AgentSettings, membership: Membership, clock: Clock, randomness: Randomness) -> Agent:
    """The agent on real parts. Raises OSError or ValueError when the sandbox's key cannot be read."""
    identity = IdentityFile(settings.state_dir)
    node_id = membership.given.node_id
    telegram = settings.telegram
    sandbox = None
    if telegram.server_address and telegram.server_port and telegram.server_key_file:
        trust_sandbox(telegram.server_key_file)
        sandbox = Place(telegram.dc_id, telegram.server_address, telegram.server_port)
    folder, logins = SessionFolder(settings.sessions_dir), Logins(asyncio.to_thread)
    at = FolderAndMemory(folder, logins)
    transport = transport_of(settings, membership, clock, randomness)
    ports = Ports(
        bus=transport,
        consume=transport.consume,
        telegram=TelethonTelegram(telegram.api_id, telegram.api_hash.get_secret_value(), at, sandbox),
        sessions=folder,
        open_ledger=lambda: FileConnection.open(settings.state_dir / "ledger.sqlite"),
        files=ScriptFolder(settings.state_dir / "scripts"),
        downloader=HttpDownloader(verify=trusting(membership.given.ca)),
        offload=asyncio.to_thread,
        status=StatusFile(status_path(settings.state_dir)),
        trust=Trust(NodeKeys(node_id, base64.b64decode(membership.sealing_key), trusted=membership.given.keys), clock),
        kept=identity,
        clock=clock,
        randomness=randomness,
        logins=logins,
        stored_form=lambda content: load_session(content, sandbox).content(),
        door=TelethonDoor(telegram.api_id, telegram.api_hash.get_secret_value(), sandbox),
        timer=KernelTimer(),
        resources=partial(resources_of, settings.state_dir),
        close=transport.close,
    )
    facts = NodeFacts(
        source=settings.source,
        hostname=socket.gethostname(),
        agent_version=version(),
        labels=membership.given.labels | settings.labels,
        time_zone=local_time_zone(),
    )
    beat = settings.heartbeat_seconds or membership.given.heartbeat_seconds
    node = NodeSettings(
        node_id,
        facts,
        beat,
        settings.transport,
        settings.script_check_seconds,
        settings.login_sync_seconds,
    )
    return Agent(node, ports)


def status_path(state_dir: Path) -> Path:
    """Where the status of the agent with this state folder is."""
    return state_dir / "status.json"


def transport_of(settings: AgentSettings, membership: Membership, clock: Clock, randomness: Randomness) -> Transport:
    """The transport that the settings name, with what the node was given for it. Raises ValueError."""
    given = membership.given
    node_id = given.node_id
    match settings.transport:
        case "http":
            url = settings.url or given.url or membership.url
            return HttpTransport(url, given.token, node_id, clock, randomness, verify=trusting(given.ca))
        case "folder":
            return FolderTransport(settings.exchange_dir, node_id, clock, randomness)
        case "amqp":
            if given.broker is None:
                raise ValueError("this node was given no login at the broker: use --transport http")
            broker = given.broker.model_copy(update={"url": settings.amqp_url or given.broker.url})
            ca = IdentityFile(settings.state_dir).ca_path if given.ca else None
            return AmqpTransport(address_of(broker, ca), node_id, clock, randomness)


def version() -> str:
    """The agent's version."""
    try:
        return metadata.version("callboard")
    except metadata.PackageNotFoundError:
        return "0"
