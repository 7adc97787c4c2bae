"""The registry, put together: the only place that constructs and wires.

`Registry(settings)` opens nothing; its `jobs` do when they run. `close` gives back what is left when they have ended.
It stands on PostgreSQL and RabbitMQ unless it is given other `Ports`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, Protocol, TypeVar

from services.registry.api.accounts import accounts_router
from services.registry.api.assignments import assignment_routers
from services.registry.api.enrolments import enrolments_router, join_router
from services.registry.api.events import events_router
from services.registry.api.internal import internal_router
from services.registry.api.node_rates import NodeRates
from services.registry.api.tokens import tokens_router, whoami_router
from services.registry.api.worker_orders import worker_orders_router
from services.registry.api.workers import workers_router
from services.registry.broker.rabbit import RabbitAccess
from services.registry.domain.access_ports import AccessStore
from services.registry.domain.broker_access import BrokerAccess
from services.registry.domain.event_log import EventLog
from services.registry.domain.ports import FleetReader, FleetStore
from services.registry.domain.tokens import TokenStore
from services.registry.domain.verdicts import Verdicts
from services.registry.handlers import events, reports
from services.registry.jobs import timers
from services.registry.jobs.access import keep_logins, watch_access
from services.registry.jobs.own_accounts import refresh_own_accounts
from services.registry.publisher import BusAnswers
from services.registry.settings import Settings
from services.registry.store.access import PostgresAccess
from services.registry.store.postgres import SCHEMA, PostgresStore
from services.registry.store.tokens import PostgresTokens
from services.registry.use_cases.announce_assignments import AnnounceAssignments
from services.registry.use_cases.announce_nodes import AnnounceNodes
from services.registry.use_cases.claim_unplaced import ClaimUnplaced
from services.registry.use_cases.count_accounts import CountAccounts
from services.registry.use_cases.cut_off import CutOff
from services.registry.use_cases.empty_draining import EmptyDraining
from services.registry.use_cases.enrol_nodes import EnrolNodes, Offer
from services.registry.use_cases.follow_events import KEPT_EVENTS, EventStream
from services.registry.use_cases.hand_over_orders import HandOverOrders
from services.registry.use_cases.intake_health import IntakeHealth
from services.registry.use_cases.keep_access import KeepAccess
from services.registry.use_cases.keep_policies import KeepPolicies
from services.registry.use_cases.know_keys import KnowKeys
from services.registry.use_cases.order_assignment import OrderAssignment
from services.registry.use_cases.own_accounts import OwnAccounts
from services.registry.use_cases.pass_on_reports import PassOnReports
from services.registry.use_cases.prune_history import PruneHistory
from services.registry.use_cases.record_account_changes import RecordAccountChanges
from services.registry.use_cases.record_heartbeats import RecordHeartbeats
from services.registry.use_cases.record_sessions import RecordSessions
from services.registry.use_cases.revoke_node import RevokeNode
from services.registry.use_cases.settle_reports import SettleReports
from services.registry.use_cases.settle_silent import SettleSilent
from services.registry.use_cases.show_stranded import ShowStranded
from services.registry.use_cases.sweep_leases import SweepLeases
from services.registry.use_cases.take_in import TakeInAccountChange, TakeInHeartbeat, TakeInSessionChange
from services.registry.use_cases.tokens import Tokens
from shared.audit.log import AuditLog
from shared.audit.postgres import PostgresAuditLog
from shared.batching import Batcher
from shared.clock import Clock, SystemClock
from shared.contracts import names
from shared.contracts.parcels import LARGEST_PARCEL
from shared.db import Database, Outbox, OutboxRelay, new_engine
from shared.db.runner import ElectedJob
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
from shared.tls import trusting_file
from shared.version import installed_version

UseCase = TypeVar("UseCase")

# Sweeps that may be missing before the watch over the intake counts as interrupted.
SWEEPS_IN_A_GAP = 5

TAGS = {
    "workers": "The nodes of the fleet; heartbeats, commands and reports of those that speak only HTTP.",
    "accounts": "Every account of every node, as it is shown to the operator.",
    "assignments": "Which node runs which account: assign, move, release, drain.",
    "events": "What happens, as it happens.",
    "tokens": "Who may ask, with which role and until when.",
} | TAG


class Store(FleetStore, FleetReader, Protocol):
    """The fleet's rows, and the questions about them."""


@dataclass(frozen=True)
class Ports:
    """What the registry is connected to. `broker` makes the logins of nodes, `bus` speaks.

    `relay` publishes what the store's transactions have put into the outbox, and `wake` tells it that there is
    something. `timer` makes the job that one replica runs every so many seconds. `close` gives everything back.
    """

    store: Store
    access: AccessStore
    broker: BrokerAccess
    tokens: TokenStore
    audit: AuditLog
    bus: Bus
    mailbox: Mailbox
    consumer: Callable[[Sequence[Route]], Consumer]
    relay: Callable[[], Coroutine[Any, Any, None]]
    wake: Callable[[], None]
    timer: timers.Timer
    close: Callable[[], Awaitable[None]]
    clock: Clock
    randomness: Randomness


def real_ports(settings: Settings) -> Ports:
    """PostgreSQL, RabbitMQ and the machine's clock; nothing is opened yet."""
    clock, randomness = SystemClock(), SystemRandomness()
    database = Database(new_engine(settings.database_url, application="registry", pool_size=10))
    bus = RabbitBus(settings.amqp_url, "registry", static_queues(settings.lease_seconds), clock, randomness)
    mailbox = RabbitMailbox(settings.amqp_url, bus, randomness)
    relay = OutboxRelay(SCHEMA, database, bus, clock, randomness)
    broker = RabbitAccess(settings.amqp_url, settings.management_url, trusting_file(settings.amqp_ca_file))

    async def close() -> None:
        await broker.close()
        await mailbox.close()
        await bus.close()
        await database.close()

    return Ports(
        store=PostgresStore(database, Outbox(SCHEMA, randomness)),
        access=PostgresAccess(database),
        broker=broker,
        tokens=PostgresTokens(database),
        audit=PostgresAuditLog(SCHEMA, database),
        bus=bus,
        mailbox=mailbox,
        consumer=lambda routes: RabbitConsumer(settings.amqp_url, routes, bus, clock, randomness),
        relay=relay.run,
        wake=relay.wake,
        timer=lambda name, step, seconds: ElectedJob(name, step, seconds, database, clock).run,
        close=close,
        clock=clock,
        randomness=randomness,
    )


class Registry:
    """One replica."""

    def __init__(self, settings: Settings, ports: Ports | None = None) -> None:
        self._settings = settings
        self._ports = ports or real_ports(settings)
        self._store, self._clock = self._ports.store, self._ports.clock
        self._wire_access()
        self._wire_intake()
        self._wire_stream()
        self._empty = self._use(EmptyDraining)
        self._order = OrderAssignment(self._store, self._store, self._clock, self._ports.wake)
        self._hand_over = HandOverOrders(self._ports.mailbox, self._store, settings.waiting_polls)

    @property
    def jobs(self) -> Jobs:
        """What runs, in the order in which it is to stop."""
        return {
            "intake": self._intake.run,
            "event stream": self._events.run,
            "event readers": self._hold_readers,
            "http": self._serve,
            "sweep": self._sweep(),
            "empty": timers.empty(self._empty, self._settings.sweep_seconds, self._ports.timer),
            "claim": timers.claim(self._use(ClaimUnplaced), self._ports.timer),
            "announce": self._announce(),
            "announce assignments": timers.announce_assignments(self._use(AnnounceAssignments), self._ports.timer),
            "count": timers.count(CountAccounts(self._store), self._ports.timer),
            "prune": timers.prune(PruneHistory(self._store), self._ports.timer),
            "logins": keep_logins(self._keep_access, self._ports.timer),
            "access": watch_access(self._keep_access, self._cut_off, self._clock),
            "own accounts": refresh_own_accounts(self._own_accounts, self._clock),
            "outbox relay": self._ports.relay,
        }

    async def close(self) -> None:
        """Close the batches, then the bus and the database."""
        for batcher in self._heartbeats:
            await batcher.close()
        await self._changes.close()
        await self._sessions.close()
        await self._ports.close()

    def _wire_access(self) -> None:
        """Who may be a node, and what a node may do at the broker."""
        settings, ports = self._settings, self._ports
        self._cut_off = CutOff(ports.access)
        self._keep_access = KeepAccess(ports.access, ports.broker, ports.clock, ports.randomness)
        self._revoke = RevokeNode(ports.access, ports.broker, self._cut_off, ports.clock)
        offer = Offer(
            broker_url=settings.broker_for_nodes,
            url=settings.public_url,
            ca=settings.nodes_ca_file.read_text("ascii") if settings.nodes_ca_file else None,
            # Two beats of a lease may get lost.
            heartbeat_seconds=max(0.2, min(10.0, settings.lease_seconds / 3)),
        )
        self._enrol = EnrolNodes(ports.access, ports.broker, offer, ports.clock, ports.randomness)

    def _wire_intake(self) -> None:
        settings, ports, wake = self._settings, self._ports, self._ports.wake
        self._health = IntakeHealth(
            self._clock,
            consuming=lambda: self._intake.consuming,
            backlog=lambda: self._intake.backlog(names.HEARTBEATS_QUEUE),
        )
        settle = SettleReports(timedelta(seconds=settings.handback_seconds))
        margin = timedelta(seconds=settings.drift_margin_seconds)
        record = RecordHeartbeats(self._store, self._health, settle, self._clock, settings.lease_seconds, wake, margin)
        record_changes = RecordAccountChanges(self._store, settle, self._clock, wake)
        most, linger = settings.batch_most, settings.batch_linger_seconds
        self._heartbeats = [Batcher(record, most=most, linger=linger) for _ in range(settings.batches)]
        self._changes = Batcher(record_changes, most=most, linger=linger)
        self._sessions = Batcher(RecordSessions(self._store, self._clock, wake), most=most, linger=linger)
        self._own_accounts = OwnAccounts(self._store)
        answers = BusAnswers(ports.bus, self._clock, self._keep_access.misses)
        self._take_heartbeat = TakeInHeartbeat(
            self._heartbeats, answers, self._own_accounts, self._clock, self._cut_off
        )
        intake = reports.Intake(
            heartbeats=self._take_heartbeat,
            changes=TakeInAccountChange(self._changes),
            sessions=TakeInSessionChange(self._sessions),
            keys=KnowKeys(ports.access),
            admits=FloodBound(self._clock, self._keep_access.floods).admits,
        )
        routes = reports.routes(intake, lease_seconds=settings.lease_seconds, prefetch=settings.prefetch)
        self._intake = ports.consumer(routes)

    def _wire_stream(self) -> None:
        replica = self._ports.randomness.new_id()
        self._stream = EventStream(EventLog(replica, KEPT_EVENTS))
        self._events = self._ports.consumer(events.routes(self._stream, replica))

    def _sweep(self) -> timers.Job:
        settings = self._settings
        quiet = settings.lease_seconds + settings.verdict_margin_seconds
        verdicts = Verdicts(quiet, longest_gap=SWEEPS_IN_A_GAP * settings.sweep_seconds)
        use_case = SweepLeases(self._store, verdicts, self._health.sample, self._clock, self._ports.wake)
        margin, patience = (
            timedelta(seconds=settings.drift_margin_seconds),
            timedelta(seconds=settings.takeover_seconds),
        )
        # Never before the margin: the accounts could not go on anyway.
        settle = SettleSilent(self._store, self._clock, margin, max(margin, patience), self._ports.wake)
        return timers.sweep(use_case, settle, settings.sweep_seconds, self._ports.timer)

    def _announce(self) -> timers.Job:
        return timers.announce(self._use(AnnounceNodes), self._settings.announce_seconds, self._ports.timer)

    def _use(self, kind: Callable[[Store, Clock, Callable[[], None]], UseCase]) -> UseCase:
        return kind(self._store, self._clock, self._ports.wake)

    @cached_property
    def api(self) -> Api:
        """The HTTP door, made when it is first needed: in virtual time a registry starts often, and is seldom asked."""
        settings, ports = self._settings, self._ports
        policies, stranded = KeepPolicies(self._store, self._store, self._empty), ShowStranded(self._store)
        tokens, rates = Tokens(ports.tokens, ports.randomness), NodeRates(self._clock)
        return create_api(
            "Callboard registry",
            version=installed_version(),
            token=settings.token,
            audit=ports.audit,
            routers=[
                enrolments_router(self._enrol, self._revoke),
                workers_router(
                    self._store,
                    self._take_heartbeat,
                    self._hand_over,
                    self._cut_off,
                    rates,
                    self._clock,
                    settings.lease_seconds,
                ),
                worker_orders_router(
                    self._hand_over, PassOnReports(ports.bus), self._cut_off, rates, self._clock, ports.randomness
                ),
                accounts_router(self._store, stranded),
                *assignment_routers(self._store, stranded, self._order, policies),
                events_router(self._stream),
                tokens_router(tokens),
                whoami_router(tokens),
                audit_router(ports.audit),
                internal_router(tokens, ports.access, ports.audit),
            ],
            open_routers=[join_router(self._enrol, ports.audit, self._clock)],
            tags=TAGS,
            ready=self._missing,
            largest_body=LARGEST_PARCEL,
        )

    async def _serve(self) -> None:
        settings = self._settings
        await serve(self.api, settings.http_host, settings.http_port, settings.certificate)

    async def _hold_readers(self) -> None:
        # Ends the readers and the long polls at the moment of the signal: the server would wait for them.
        try:
            await asyncio.Event().wait()
        finally:
            self._stream.close()
            self._hand_over.close()

    async def _missing(self) -> list[str]:
        missing = []
        try:
            await self._store.ping()
        except Unavailable as error:
            missing.append(f"the database does not answer: {error}")
        if not self._intake.consuming:
            missing.append("the registry's queues are not being consumed: is the broker there?")
        return missing
