"""What the subjects share in one start of the agent: its ledgers, its lease and set, its accounts, its voice."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from services.node_agent.domain.assignments import Assignments
from services.node_agent.domain.beats import Beats
from services.node_agent.domain.deadman import Deadman
from services.node_agent.domain.identity import Identity
from services.node_agent.domain.journal import Journal
from services.node_agent.domain.lease import Lease
from services.node_agent.domain.ports import LedgerAway
from services.node_agent.publisher import BusPublisher
from services.node_agent.store.accounts import SqliteAccounts
from services.node_agent.store.database import Database
from services.node_agent.store.deliveries import SqliteDeliveries
from services.node_agent.store.handed_back import SqliteHandedBack
from services.node_agent.store.sign_ins import SqliteSignIns
from services.node_agent.store.watch import SqliteWatch
from services.node_agent.use_cases.hand_back import HandBack
from services.node_agent.use_cases.roster import Roster
from services.node_agent.use_cases.sealing_logins import LoginSealer
from services.node_agent.use_cases.stage import Stage
from services.node_agent.use_cases.unsaid import Unsaid
from services.node_agent.wiring.ports import NodeSettings, Ports
from shared.alarm import Alarm
from shared.draining import Drain
from shared.messaging import PublishFailed

# Runs until it is cancelled.
Job = Callable[[], Coroutine[Any, Any, None]]
Jobs = dict[str, Job]


@dataclass(frozen=True)
class Core:
    """See the module's docstring; `beat` forces a heartbeat, `lived` rings when accounts have lived something."""

    settings: NodeSettings
    ports: Ports
    identity: Identity
    accounts: SqliteAccounts
    deliveries: SqliteDeliveries
    handed_back: SqliteHandedBack
    sign_ins: SqliteSignIns
    watch: SqliteWatch
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
    lived: Alarm

    def drain(self, name: str, step: Callable[[], Awaitable[bool]], poll: float | None = None) -> Drain:
        """A job that empties something of the ledger whenever it is woken."""
        away = (PublishFailed, LedgerAway)
        return Drain(name, step, poll, self.ports.clock, self.ports.randomness, away=away)


def core_of(settings: NodeSettings, ports: Ports, database: Database, identity: Identity) -> Core:
    """The core on a ledger that is open."""
    clock, randomness = ports.clock, ports.randomness
    accounts, beats, lived = SqliteAccounts(database), Beats(), Alarm(clock)
    journal = Journal(lived.ring)
    stage, unsaid = Stage(randomness, journal), Unsaid(journal, clock, randomness)
    handed_back = SqliteHandedBack(database)
    sealer = LoginSealer(ports.trust, identity.boot, ports.offload, clock)
    return Core(
        settings=settings,
        ports=ports,
        identity=identity,
        accounts=accounts,
        deliveries=SqliteDeliveries(database, randomness),
        handed_back=handed_back,
        sign_ins=SqliteSignIns(database),
        watch=SqliteWatch(database),
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
        lived=lived,
    )
