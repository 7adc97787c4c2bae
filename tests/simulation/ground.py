"""What a simulated fleet stands on: the ports' twins, and the services that are made on them by their own `app.py`.

Stores, outboxes and the broker outlive the processes; every start of a service makes a new one here.
"""

from functools import cache
from zlib import crc32

from services.deployer.app import DeployerApp
from services.deployer.app import Ports as DeployerPorts
from services.deployer.settings import DeployerSettings
from services.deployer.ssh.in_memory import InMemorySsh
from services.deployer.store.in_memory import InMemoryStore as DeployerStore
from services.registry.app import Ports as RegistryPorts
from services.registry.app import Registry
from services.registry.broker.in_memory import InMemoryAccess
from services.registry.settings import Settings as RegistrySettings
from services.registry.store.in_memory import InMemoryStore as RegistryStore
from services.registry.store.in_memory_access import InMemoryAccessStore
from services.registry.store.in_memory_tokens import InMemoryTokens
from shared.audit.log import InMemoryAuditLog
from shared.contracts import names
from shared.messaging.in_memory_mailbox import InMemoryMailbox
from shared.randomness import SeededRandomness
from tests.simulation.clocks import FleetClock
from tests.simulation.logins import PlainLogins
from tests.simulation.services import Outlet, Service, every
from tests.simulation.timing import Timing
from tests.simulation.wire import Broker, Line

TOKEN = "the-token-of-the-simulation"
SECRET = "the-secret-of-the-simulation"
# No service opens these: the ports stand in their place.
NOWHERE = {"amqp_url": "amqp://nowhere", "database_url": "postgresql+asyncpg://nowhere", "token": TOKEN}
# What a deployer does for scripts, servers and new keys, and a registry for new logins at the broker and drained nodes.
BESIDE_MOVES = {
    "deployer": frozenset({"advance", "reconcile", "drift", "links", "trust"}),
    "registry": frozenset({"empty", "logins", "access", "prune"}),
}


class Ground:
    """See the module's docstring. With `moves_only` those jobs rest that would find nothing to do, again and again."""

    def __init__(self, seed: int, timing: Timing, *, moves_only: bool) -> None:
        self.seed = seed
        self.timing = timing
        self.clock = FleetClock()
        self.broker = Broker(self.clock, self.dice("broker"))
        self.registry_store = RegistryStore(self.clock)
        self.deployer_store = DeployerStore(lambda: self.orders.wake())
        self.access, self.logins = InMemoryAccessStore(), InMemoryAccess()
        self.facts = Outlet(self.registry_store.sent, self.clock)
        self.orders = Outlet(self.deployer_store.announced, self.clock)
        rest = BESIDE_MOVES if moves_only else {}
        self.registry = Service(self.make_registry, lambda: self._line("registry"), rest.get("registry", ()))
        self.deployer = Service(self.make_deployer, lambda: self._line("deployer"), rest.get("deployer", ()))

    def dice(self, whose: str) -> SeededRandomness:
        """Dice of one part's own, so that they do not depend on who rolls first."""
        return SeededRandomness(crc32(f"{self.seed} {whose}".encode()))

    def _line(self, whose: str) -> Line:
        return Line(self.broker, self.clock, self.dice(f"{whose} at {self.clock.monotonic()}"))

    def make_registry(self, line: Line) -> Registry:
        """A registry on this line."""
        for queue in (names.heartbeats_queue(self.timing.lease), names.registry_reports_queue()):
            self.broker.declare(queue)
        ports = RegistryPorts(
            store=self.registry_store,
            access=self.access,
            broker=self.logins,
            tokens=InMemoryTokens(self.clock),
            audit=InMemoryAuditLog("registry", self.clock),
            bus=line,
            mailbox=InMemoryMailbox(self.broker, self.clock, line.randomness),
            consumer=line.consumer,
            relay=lambda: self.facts.run(line),
            wake=self.facts.wake,
            timer=every(self.clock),
            close=_nothing,
            clock=self.clock,
            randomness=line.randomness,
        )
        return Registry(_registry_settings(self.timing), ports)

    def make_deployer(self, line: Line) -> DeployerApp:
        """A deployer on this line."""
        self.broker.declare(names.deployer_reports_queue())
        ports = DeployerPorts(
            store=self.deployer_store,
            audit=InMemoryAuditLog("deployer", self.clock),
            bus=line,
            mailbox=InMemoryMailbox(self.broker, self.clock, line.randomness),
            consumer=line.consumer,
            relay=self.orders.run,
            ping=_nothing,
            close=_nothing,
            ssh=InMemorySsh(),
            timer=every(self.clock),
            clock=self.clock,
            randomness=line.randomness,
            reader=PlainLogins(),
        )
        return DeployerApp(_deployer_settings(), ports)


# Reading the environment takes longer than everything else in a start.
@cache
def _registry_settings(timing: Timing) -> RegistrySettings:
    return RegistrySettings(
        **NOWHERE,  # type: ignore[arg-type]
        lease_seconds=timing.lease,
        drift_margin_seconds=timing.margin,
        verdict_margin_seconds=timing.verdict,
        takeover_seconds=timing.takeover,
        handback_seconds=timing.handback,
        sweep_seconds=timing.sweep,
        batch_linger_seconds=0,
    )


@cache
def _deployer_settings() -> DeployerSettings:
    return DeployerSettings(
        **NOWHERE,  # type: ignore[arg-type]
        secret=SECRET,
        public_url="http://deployer",
        batch_linger_seconds=0,
    )


async def _nothing() -> None:
    """There is nothing to close, and nothing to ask."""
