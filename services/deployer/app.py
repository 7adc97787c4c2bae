"""The deployer put together: the only place where its parts are made and joined.

What runs side by side: the HTTP door, the consumer of reports, the jobs that advance and send, the relay of the outbox.
All of it bears that the broker or the database is away; any number of replicas may run at once. It stands on PostgreSQL
and RabbitMQ unless it is given other `Ports`.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import text

from services.deployer.api.dead_letters import dead_letters_router
from services.deployer.api.deployments import DeploymentDesk, deployments_router
from services.deployer.api.downloads import downloads_router
from services.deployer.api.drift import drift_router
from services.deployer.api.keys import keys_router
from services.deployer.api.scripts import scripts_router
from services.deployer.api.servers import servers_router
from services.deployer.api.session_backups import LARGEST_ARCHIVE, session_backups_router
from services.deployer.api.session_body import FORM_ROOM
from services.deployer.api.session_deliveries import session_deliveries_router
from services.deployer.api.session_logins import session_logins_router
from services.deployer.api.session_syncs import session_syncs_router
from services.deployer.api.sessions import PREFIX as SESSIONS
from services.deployer.api.sessions import sessions_router
from services.deployer.api.steering import steering_router
from services.deployer.bundle import build_bundle
from services.deployer.dead_letters import RabbitDeadLetters
from services.deployer.domain.keeping import Shelf
from services.deployer.domain.ports import Store
from services.deployer.domain.reaching import Ssh
from services.deployer.domain.telegram_logins import LARGEST_UPLOAD, Sandbox, SessionReader
from services.deployer.downloads import SignedDownloads
from services.deployer.formats.reading import FormatReader
from services.deployer.handlers.reports import BATCH, reports_route
from services.deployer.handlers.sessions import sessions_route
from services.deployer.jobs.advance import advance
from services.deployer.jobs.drift import drift_job
from services.deployer.jobs.keys import keep_keys, keep_trust
from services.deployer.jobs.links import Links, Timer
from services.deployer.jobs.reconcile import reconcile
from services.deployer.joining import OriginDesk
from services.deployer.key_ring import KeyRing, key_material
from services.deployer.returned_orders import NotingOutages, NotingReturned
from services.deployer.secrets import SealedLogins
from services.deployer.session_archive import AgeArchives
from services.deployer.session_downloads import SignedSessions
from services.deployer.session_safe import SealedSessions
from services.deployer.settings import DeployerSettings
from services.deployer.signing_bus import SigningBus
from services.deployer.ssh.servers import SshServers
from services.deployer.ssh.sessions import Sessions, Turns
from services.deployer.store.postgres import SCHEMA, PostgresStore
from services.deployer.use_cases.advance_deployments import Acts, AdvanceDeployments
from services.deployer.use_cases.announce_sessions import STEP_SECONDS, AnnounceSessions
from services.deployer.use_cases.back_up_sessions import BackUpSessions, RestoreSessions
from services.deployer.use_cases.begin_deployment import BeginDeployment
from services.deployer.use_cases.browse import BrowseDeployments, BrowseScripts
from services.deployer.use_cases.browse_sessions import BrowseSessions
from services.deployer.use_cases.carry_parcels import CarryParcels
from services.deployer.use_cases.deliver_sessions import DeliverSessions
from services.deployer.use_cases.install_agent import InstallAgent
from services.deployer.use_cases.join_late import JoinLate
from services.deployer.use_cases.keep_links import MOST_LINKS, KeepLinks
from services.deployer.use_cases.keep_trust import KeepTrust
from services.deployer.use_cases.keep_version import KeepVersion
from services.deployer.use_cases.keys import DeployerKeys
from services.deployer.use_cases.order_again import OrderAgain
from services.deployer.use_cases.order_deployment import OrderDeployment
from services.deployer.use_cases.record_reports import RecordReports, Report, Result
from services.deployer.use_cases.record_syncs import OpenSealed, RecordSyncs
from services.deployer.use_cases.repair_drift import RepairDrift
from services.deployer.use_cases.rotate_keys import RotateKeys
from services.deployer.use_cases.send_due_deliveries import SendDueDeliveries
from services.deployer.use_cases.send_returned_again import SendReturnedAgain
from services.deployer.use_cases.servers import ReachServers, RegisterServers
from services.deployer.use_cases.settle_drift import SettleDrift
from services.deployer.use_cases.sign_in import SignInOnNode
from services.deployer.use_cases.steer_deployment import SteerDeployment
from services.deployer.use_cases.store_script import StoreScript
from services.deployer.use_cases.store_sessions import StoreSessions
from services.deployer.use_cases.sync_now import SyncNow
from shared.audit.log import AuditLog
from shared.audit.postgres import PostgresAuditLog
from shared.backoff import Backoff
from shared.batching import Batcher
from shared.clock import Clock, SystemClock
from shared.db import Database, Outbox, OutboxRelay, new_engine
from shared.db.runner import ElectedJob
from shared.draining import Drain
from shared.http import create_api, serve
from shared.http.api import Api
from shared.http.audit_pages import TAG, audit_router
from shared.messaging import Bus, Consumer, Route, Unavailable
from shared.messaging.flooding import FloodBound
from shared.messaging.mailbox import Mailbox
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.messaging.rabbit_mailbox import RabbitMailbox
from shared.messaging.topology import static_queues
from shared.randomness import Randomness, SystemRandomness
from shared.service import Jobs
from shared.version import installed_version

TAGS = {
    "scripts": "Scripts and their immutable versions.",
    "deployments": "Bringing a version of a script to nodes, and how far it has come on each of them.",
    "drift": "Nodes that have lost what was verified on them, or have something that nobody here remembers.",
    "keys": "The keys that orders are signed with, and their rotation.",
    "dead letters": "Messages that could not be handled, and why.",
    "servers": "Servers that are reached by SSH: their host keys, their state, and files pushed to them.",
    "sessions": "The vault: logins of accounts, their versions, and who has them.",
    "downloads": "What nodes fetch with the signed link of an order.",
} | TAG


@dataclass(frozen=True)
class Ports:
    """What the deployer is connected to.

    `relay` publishes what the store's transactions have announced, on the bus that it is given. `timer` makes the job
    that one replica runs every so many seconds. `ping` raises Unavailable when the store is away. `close` gives
    everything back. `reader` reads what claims to be a login; None reads the files that Telegram's clients write.
    """

    store: Store
    audit: AuditLog
    bus: Bus
    mailbox: Mailbox
    consumer: Callable[[Sequence[Route]], Consumer]
    relay: Callable[[Bus], Coroutine[Any, Any, None]]
    ping: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]
    ssh: Ssh
    timer: Timer
    clock: Clock
    randomness: Randomness
    reader: SessionReader | None = None


def real_ports(settings: DeployerSettings) -> Ports:
    """PostgreSQL, RabbitMQ and the machine's clock; nothing is opened yet."""
    clock, randomness = SystemClock(), SystemRandomness()
    database = Database(new_engine(settings.database_url, application="deployer", pool_size=settings.database_pool))
    bus = RabbitBus(settings.amqp_url, "deployer", static_queues(settings.lease_seconds), clock, randomness)
    mailbox = RabbitMailbox(settings.amqp_url, bus, randomness)
    relay = OutboxRelay(SCHEMA, database, bus, clock, randomness)

    def run_relay(bus: Bus) -> Coroutine[Any, Any, None]:
        relay.bus = bus
        return relay.run()

    async def ping() -> None:
        async with database.begin() as connection:
            await connection.execute(text("select 1"))

    async def close() -> None:
        await mailbox.close()
        await bus.close()
        await database.close()

    return Ports(
        store=PostgresStore(database, Outbox(SCHEMA, randomness), relay.wake),
        audit=PostgresAuditLog(SCHEMA, database),
        bus=bus,
        mailbox=mailbox,
        consumer=lambda routes: RabbitConsumer(settings.amqp_url, routes, bus, clock, randomness),
        relay=run_relay,
        ping=ping,
        close=close,
        ssh=SshServers(Sessions(), links=Sessions(Turns(of_one=1, of_all=MOST_LINKS))),
        timer=lambda name, step, seconds: ElectedJob(name, step, seconds, database, clock).run,
        clock=clock,
        randomness=randomness,
    )


class DeployerApp:
    """The deployer of one process."""

    def __init__(self, settings: DeployerSettings, ports: Ports | None = None) -> None:
        self._settings = settings
        self._ports = ports or real_ports(settings)
        self._downloads = SignedDownloads(settings.secret, settings.public_url)
        self._last_key = key_material(settings.secret, settings.secrets_key_file)
        self._master = KeyRing(self._last_key, keys=settings.vault_key, key_file=settings.vault_key_file)
        self._wire_keys()
        self._wire_deliveries()
        self._wire_drift()
        self._wire_deployments()
        self._wire_intake()
        self._wire_servers()
        self._wire_sessions()

    def _wire_keys(self) -> None:
        """The keys that orders are signed with: everything leaves over a bus that signs."""
        ports = self._ports
        self._keys = DeployerKeys(ports.store, self._master, ports.clock)
        self._outages = NotingOutages(ports.bus, ports.clock)
        self._bus = SigningBus(NotingReturned(self._outages, self._came_back), self._keys.signer)
        self._trust = keep_trust(KeepTrust(ports.store, self._keys, ports.clock), ports.timer)

    def _wire_deliveries(self) -> None:
        """What is due is sent."""
        settings, ports = self._settings, self._ports
        self._backoff = Backoff(first=settings.resend_first_seconds, most=settings.resend_most_seconds)
        send = SendDueDeliveries(
            ports.store,
            self._downloads.url_of,
            self._backoff,
            lambda: self._outages.away,
            ports.clock,
            ports.randomness,
        )
        self._reconcile = reconcile(send, ports.clock, ports.randomness)
        self._returned = SendReturnedAgain(ports.store, ports.clock)
        self._send_again = Drain("returned orders", self._returned, None, ports.clock, ports.randomness)

    def _came_back(self, delivery_id: str) -> None:
        self._returned.note(delivery_id)
        self._send_again.wake()

    def _wire_drift(self) -> None:
        """What was verified stays."""
        settings, ports = self._settings, self._ports
        spaced = Backoff(first=settings.drift_repair_first_seconds, most=settings.drift_repair_most_seconds)
        repair = RepairDrift(ports.store, self._downloads.url_of, spaced, ports.clock, ports.randomness)
        self._drift = drift_job(repair, ports.clock, ports.randomness)
        self._settle = SettleDrift(ports.store, self._drift.wake, ports.clock, ports.randomness)

    def _wire_deployments(self) -> None:
        """From an order to its groups, and whatever an operator does with it on the way."""
        store, clock, randomness = self._ports.store, self._ports.clock, self._ports.randomness
        deadline = timedelta(seconds=self._settings.deployment_deadline_seconds)
        begin = BeginDeployment(store, deadline, self._due, clock, randomness)
        steer = SteerDeployment(store, begin, self._due, clock)
        acts = Acts(begin.scheduled, steer.expire, steer.abort, JoinLate(store, clock, randomness))
        self._advance = advance(AdvanceDeployments(store, acts, self._reconcile.wake, clock), clock, randomness)
        order = OrderDeployment(store, deadline, self._due, clock, randomness)
        again = OrderAgain(store, order, steer, self._due)
        self._desk = DeploymentDesk(order, steer, again, BrowseDeployments(store))

    def _wire_intake(self) -> None:
        """What nodes report, and what the registry has seen of them."""
        settings, ports = self._settings, self._ports
        settle = timedelta(seconds=settings.drift_settle_seconds)
        record = RecordReports(
            ports.store, self._backoff, self._reconcile.wake, ports.clock, ports.randomness, settle=settle
        )
        self._intake: Batcher[Report, Result] = Batcher(record, most=BATCH, linger=settings.batch_linger_seconds)

    def _wire_sessions(self) -> None:
        """The vault: logins come in from operators and nodes, and go out to nodes, sealed."""
        settings, ports = self._settings, self._ports
        place = settings.telegram
        address, port = place.server_address, place.server_port
        reader = ports.reader or FormatReader(Sandbox(address, port) if address and port else None)
        safe = SealedSessions(self._master)
        keep = KeepVersion(safe, ports.clock)
        open_ = OpenSealed(self._keys, reader)
        self._session_links = SignedSessions(settings.secret, settings.public_url)
        self._deliver = DeliverSessions(ports.store, safe, self._session_links.url_of, ports.clock)
        self._sign_in = SignInOnNode(ports.store, open_, keep, ports.clock, ports.randomness)
        record = RecordSyncs(ports.store, open_, keep, ports.clock)
        self._sync_now = SyncNow(ports.store, ports.clock, ports.randomness)
        self._sessions = StoreSessions(ports.store, reader, keep, ports.clock)
        self._browse_sessions = BrowseSessions(ports.store, safe)
        former = {Shelf.SERVER_LOGINS: self._server_logins.reseal}
        self._rotate = RotateKeys(ports.store, self._master, former, self._keys.refresh)
        archives = AgeArchives()
        self._back_up = BackUpSessions(ports.store, safe, archives, ports.clock)
        self._restore = RestoreSessions(ports.store, reader, archives, keep, ports.clock)
        announce = AnnounceSessions(ports.store, ports.clock)
        self._announce = ports.timer("deployer sessions", announce.step, STEP_SECONDS)
        admits = FloodBound(self._ports.clock).admits
        routes = [
            reports_route(self._intake, admits),
            sessions_route(self._deliver, record, self._sign_in, admits),
        ]
        self._consumer = ports.consumer(routes)

    def _wire_servers(self) -> None:
        """Servers that are reached by SSH, and the messages that are carried over it."""
        settings, ports = self._settings, self._ports
        vault = self._server_logins = SealedLogins(self._master, self._last_key)
        self._register = RegisterServers(ports.store, ports.ssh, vault, ports.clock)
        self._reach = ReachServers(ports.store, ports.ssh, vault)
        self._install = InstallAgent(
            ports.store, ports.ssh, self._reach, build_bundle, OriginDesk(settings.public_url), ports.clock
        )
        carry = CarryParcels(ports.store, self._bus, ports.mailbox, ports.clock, ports.randomness)
        keep = KeepLinks(ports.store, self._reach, ports.ssh, carry, ports.clock, ports.randomness)
        self._links = Links(keep, ports.timer)

    @cached_property
    def api(self) -> Api:
        """The HTTP door, made when it is first needed: in virtual time a deployer starts often, and is seldom asked."""
        settings, store = self._settings, self._ports.store
        scripts = BrowseScripts(store)
        return create_api(
            "Callboard deployer",
            version=installed_version(),
            token=settings.token,
            audit=self._ports.audit,
            routers=[
                scripts_router(StoreScript(store, self._ports.clock), scripts),
                deployments_router(self._desk),
                steering_router(self._desk),
                drift_router(self._settle),
                keys_router(self._keys),
                servers_router(self._register, self._reach, self._install),
                # Before the last of them, whose paths are those of accounts.
                session_logins_router(self._sign_in),
                session_syncs_router(self._sync_now),
                session_backups_router(self._back_up, self._restore),
                sessions_router(self._sessions, self._browse_sessions, self._rotate),
                dead_letters_router(RabbitDeadLetters(settings.amqp_url, "callboard deployer dead letters")),
                audit_router(self._ports.audit),
            ],
            open_routers=[
                downloads_router(self._downloads, scripts),
                session_deliveries_router(self._session_links, self._deliver),
            ],
            tags=TAGS,
            larger_bodies={
                SESSIONS: LARGEST_UPLOAD + FORM_ROOM,
                f"{SESSIONS}/restore": LARGEST_ARCHIVE + FORM_ROOM,
            },
            ready=self._missing,
        )

    @property
    def jobs(self) -> Jobs:
        """What runs side by side, in the order in which it stops."""
        return {
            "http": self._serve,
            "consumer": self._consumer.run,
            "advance": self._advance.run,
            "reconcile": self._reconcile.run,
            "returned orders": self._send_again.run,
            "links": self._links.run,
            "drift": self._drift.run,
            "sessions": self._announce,
            "trust": self._trust,
            "keys": keep_keys(self._keys, self._bus, self._ports.clock),
            "relay": self._relay,
        }

    async def close(self) -> None:
        """Close what is open."""
        await self._install.close()
        await self._intake.close()
        await self._ports.close()

    def _due(self) -> None:
        """A deployment has begun or goes on: there is something to release, and something to send."""
        self._advance.wake()
        self._reconcile.wake()

    async def _serve(self) -> None:
        settings = self._settings
        await serve(self.api, settings.http_host, settings.http_port, settings.certificate)

    async def _relay(self) -> None:
        await self._ports.relay(self._bus)

    async def _missing(self) -> Sequence[str]:
        missing = [] if self._consumer.consuming else ["the broker is not consumed from; is RabbitMQ up?"]
        try:
            await self._ports.ping()
        except Unavailable as error:
            missing.append(str(error))
        if (problem := self._keys.problem) is not None:
            missing.append(f"orders cannot be signed: {problem}")
        return missing
