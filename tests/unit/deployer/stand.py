"""The deployer without a broker and a database: its use cases on the in-memory store, in virtual time."""

from collections import Counter
from datetime import timedelta

from services.deployer.api.deployments import DeploymentDesk
from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployment_rows import DeploymentQuestion
from services.deployer.domain.deployments import Deployment
from services.deployer.domain.desired import Desired
from services.deployer.domain.desired_rows import DriftQuestion
from services.deployer.domain.selector import Selector
from services.deployer.domain.targets import NodeIds
from services.deployer.store.in_memory import InMemoryStore
from services.deployer.use_cases.advance_deployments import Acts, AdvanceDeployments
from services.deployer.use_cases.begin_deployment import BeginDeployment
from services.deployer.use_cases.browse import BrowseDeployments
from services.deployer.use_cases.join_late import JoinLate
from services.deployer.use_cases.order_again import OrderAgain
from services.deployer.use_cases.order_deployment import DeploymentOrder, OrderDeployment, Ordered
from services.deployer.use_cases.record_reports import RecordReports, Report, Result
from services.deployer.use_cases.repair_drift import RepairDrift
from services.deployer.use_cases.send_due_deliveries import SendDueDeliveries
from services.deployer.use_cases.settle_drift import SettleDrift
from services.deployer.use_cases.steer_deployment import SteerDeployment
from shared.backoff import Backoff
from shared.clock import VirtualClock
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome, RemoveArtifact
from shared.contracts.deployments import DeliveryChanged, DeploymentChanged
from shared.contracts.drift import DriftChanged
from shared.contracts.fleet import NodeStatus
from shared.randomness import SeededRandomness
from tests.unit.deployer.making import new_script, report, seen

DEADLINE = timedelta(hours=24)


class Stand:
    """Everything between the doors of the deployer."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.randomness = SeededRandomness(1)
        self.store = InMemoryStore()
        self.wakes = 0
        backoff = Backoff(first=5.0, most=60.0)
        self.order = OrderDeployment(self.store, DEADLINE, self._wake, self.clock, self.randomness)
        url_of = "http://x/{}".format
        self.broker_away = False
        self.send = SendDueDeliveries(
            self.store, url_of, backoff, lambda: self.broker_away, self.clock, self.randomness
        )
        spaced = Backoff(first=10.0, most=3600.0)
        self.repair = RepairDrift(self.store, url_of, spaced, self.clock, self.randomness)
        self.settle = SettleDrift(self.store, self._wake, self.clock, self.randomness)
        self.record = RecordReports(self.store, backoff, self._wake, self.clock, self.randomness)
        begin = BeginDeployment(self.store, DEADLINE, self._wake, self.clock, self.randomness)
        self.steer = SteerDeployment(self.store, begin, self._wake, self.clock)
        self.again = OrderAgain(self.store, self.order, self.steer, self._wake)
        self.browse = BrowseDeployments(self.store)
        self.desk = DeploymentDesk(self.order, self.steer, self.again, self.browse)
        join = JoinLate(self.store, self.clock, self.randomness)
        acts = Acts(begin.scheduled, self.steer.expire, self.steer.abort, join)
        self.advance = AdvanceDeployments(self.store, acts, self._wake, self.clock)

    def _wake(self) -> None:
        self.wakes += 1

    async def push(self, body: str = "ours", script_id: str = "greeter") -> None:
        """Store a script version."""
        async with self.store.begin() as transaction:
            await transaction.scripts.add(new_script(script_id, body), self.clock.now())

    async def see(self, *node_ids: str, status: NodeStatus = NodeStatus.ONLINE, seq: int = 1) -> None:
        """Let the registry announce nodes."""
        await self.record([seen(node_id, status=status, seq=seq, at=self.clock.now()) for node_id in node_ids])

    async def deploy(self, *node_ids: str, **wanted: object) -> Deployment:
        """Order the latest version for nodes, by default for all."""
        return (await self.order_script("greeter", *node_ids, **wanted)).deployment

    async def order_script(self, script_id: str, *node_ids: str, **wanted: object) -> Ordered:
        """Order the latest version of a script for nodes, by default for all; the whole answer."""
        targets = NodeIds(node_ids) if node_ids else Selector()
        ordered = await self.order(DeploymentOrder(script_id, targets, **wanted))  # type: ignore[arg-type]
        assert isinstance(ordered, Ordered)
        return ordered

    async def reconcile(self, seconds: float = 0.0) -> list[DeliverArtifact]:
        """Let time pass and send what is due then; the orders."""
        await self.clock.run_for(seconds)
        before = len(self.orders)
        while await self.send():
            pass
        return self.orders[before:]

    async def look(self, seconds: float = 0.0, step: float = 1.0) -> list[DeliverArtifact]:
        """Let time pass as the jobs see it: advance, send, again and again; the orders."""
        before, left = len(self.orders), seconds
        while True:
            while await self.advance():
                pass
            while await self.send():
                pass
            if left <= 0:
                return self.orders[before:]
            await self.clock.run_for(min(step, left))
            left -= step

    async def mend(self, seconds: float = 0.0) -> list[DeliverArtifact]:
        """Let time pass and look at what may have drifted; the orders that this led to."""
        await self.clock.run_for(seconds)
        before = len(self.orders)
        while await self.repair():
            pass
        return self.orders[before:]

    async def drift(self) -> list[Desired]:
        """What is shown as drift."""
        return await self.settle.page(DriftQuestion(), None, 1000)

    async def tell(self, delivery: Delivery, *outcomes: DeliveryOutcome) -> list[Result]:
        """Let the node report."""
        return list(await self.record([report(delivery, outcome) for outcome in outcomes]))

    async def tell_all(self, reports: list[Report]) -> list[Result]:
        """Record reports as they are."""
        return list(await self.record(reports))

    async def deliveries(self, deployment: Deployment) -> dict[str, Delivery]:
        """The deployment's deliveries by node."""
        async with self.store.begin() as transaction:
            return {one.node_id: one for one in await transaction.deliveries.page(deployment.id, None, 100_000)}

    async def every(self) -> dict[str, Delivery]:
        """Every delivery of every deployment, by id."""
        async with self.store.begin() as transaction:
            deployments = await transaction.deployments.page(DeploymentQuestion(), None, 1_000)
            pages = [await transaction.deliveries.page(one.id, None, 100_000) for one in deployments]
        return {delivery.id: delivery for page in pages for delivery in page}

    async def deployment(self, deployment: Deployment) -> Deployment:
        """The deployment as it is now."""
        async with self.store.begin() as transaction:
            found = await transaction.deployments.one(deployment.id)
        assert found is not None
        return found

    @property
    def orders(self) -> list[DeliverArtifact]:
        """Every order so far."""
        return [message for message in self.store.announced if isinstance(message, DeliverArtifact)]

    @property
    def removals(self) -> list[RemoveArtifact]:
        """Every order to remove a script so far."""
        return [message for message in self.store.announced if isinstance(message, RemoveArtifact)]

    @property
    def changes(self) -> Counter[tuple[str, str]]:
        """How often each delivery's state was announced."""
        changes = (message for message in self.store.announced if isinstance(message, DeliveryChanged))
        return Counter((change.delivery_id, change.state.value) for change in changes)

    @property
    def drift_news(self) -> list[str]:
        """What was announced of drift, in order."""
        return [message.change.value for message in self.store.announced if isinstance(message, DriftChanged)]

    def endings(self, deployment: Deployment) -> list[str]:
        """The announced states of a deployment, in order."""
        return [
            message.state.value
            for message in self.store.announced
            if isinstance(message, DeploymentChanged) and message.deployment_id == deployment.id
        ]
