"""Drift from the first look to its end: the use cases together, on the in-memory store and in virtual time."""

from datetime import timedelta

import pytest

from services.deployer.domain.deployment_rows import DeploymentQuestion
from services.deployer.domain.deployments import Deployment
from services.deployer.domain.desired import Desired
from services.deployer.domain.rollout import Rollout
from services.deployer.use_cases.settle_drift import NoDrift, NotPossible
from shared.contracts.artifacts import AppliedArtifact, FileState
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome, FailureCause
from shared.contracts.drift import DriftKind, DriftPolicy, DriftState
from shared.contracts.fleet import NodeStatus
from shared.contracts.identifiers import content_hash
from tests.unit.deployer.making import loaded, report, seen
from tests.unit.deployer.stand import Stand

LOOK = 16.0
APPLIED, FAILED = DeliveryOutcome.APPLIED, DeliveryOutcome.FAILED


class Node:
    """Node `a` as the registry sees it."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.seq = 1
        self.artifacts: dict[str, AppliedArtifact] = {}

    async def has(self, *artifacts: AppliedArtifact, status: NodeStatus = NodeStatus.ONLINE) -> None:
        """The node has exactly this from now on."""
        self.artifacts = {artifact.id: artifact for artifact in artifacts}
        await self.beats(status=status)

    async def beats(self, status: NodeStatus = NodeStatus.ONLINE) -> None:
        """The registry announces it."""
        self.seq += 1
        artifacts = list(self.artifacts.values())
        await self.stand.record(
            [seen("a", seq=self.seq, status=status, artifacts=artifacts, at=self.stand.clock.now())]
        )

    async def runs(self, body: str = "ours", script_id: str = "greeter", **wanted: object) -> DeliverArtifact:
        """A version is pushed, deployed to the node and verified; its order."""
        await self.stand.push(body, script_id)
        ordered = await self.stand.order_script(script_id, "a", **wanted)
        [order] = await self.stand.reconcile()
        await self.stand.tell((await self.stand.deliveries(ordered.deployment))["a"], APPLIED)
        await self.has(*(one for one in self.artifacts.values() if one.id != script_id), loaded(order))
        return order


@pytest.fixture
async def node(stand: Stand) -> Node:
    """The node, online."""
    node = Node(stand)
    await node.beats()
    return node


async def the_drift(stand: Stand) -> Desired:
    """The one difference that is shown."""
    [row] = await stand.drift()
    return row


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ({"file": FileState.ALTERED, "file_hash": content_hash(b"edited")}, DriftKind.ALTERED),
        ({"file": FileState.MISSING}, DriftKind.MISSING),
        (None, DriftKind.MISSING),
    ],
)
async def test_what_a_node_loses_is_found_shown_and_brought_back(
    stand: Stand, node: Node, damage: dict[str, object] | None, kind: DriftKind
) -> None:
    """The promise: a difference is closed for as long as there is one, without an operator."""
    order = await node.runs(bind="all")
    await node.has(*([] if damage is None else [loaded(order, **damage)]))
    assert await stand.mend(1.0) == [] and await stand.drift() == []
    [again] = await stand.mend(LOOK)
    assert (again.delivery_id, again.attempt, again.content) == (order.delivery_id, 2, "ours")
    assert (again.issued_at, again.bind, again.bindings) == (order.issued_at, None, {"*": "greeter"})
    row = await the_drift(stand)
    assert (row.state, row.kind, row.repairs) == (DriftState.DRIFTED, kind, 1)
    await node.has(loaded(order))
    assert await stand.drift() == []
    assert stand.drift_news == ["found", "repaired"]
    assert await stand.mend(7200) == []


async def test_an_observation_that_is_older_than_the_verification_is_no_drift(stand: Stand, node: Node) -> None:
    """Every push would flash up as drift, and send its order twice."""
    first = await node.runs("first")
    second = await node.runs("second")
    await node.has(loaded(first))
    await node.has(loaded(second))
    assert await stand.mend(LOOK) == [] and stand.drift_news == []


async def test_a_node_from_an_old_image_gets_what_was_verified_last(stand: Stand, node: Node) -> None:
    """It would run the old version until somebody notices."""
    first = await node.runs("first")
    second = await node.runs("second")
    await node.has(loaded(first))
    [again] = await stand.mend(LOOK)
    assert (again.delivery_id, again.content) == (second.delivery_id, "second")
    assert (await the_drift(stand)).kind is DriftKind.OTHER


async def test_the_same_version_of_an_earlier_order_is_drift_too(stand: Stand, node: Node) -> None:
    """An old image with the same script may have it played by other accounts."""
    first = await node.runs("first")
    await node.runs("second")
    third = await node.runs("first", bind="all")
    await node.has(loaded(first))
    [again] = await stand.mend(LOOK)
    assert (again.delivery_id, again.bindings) == (third.delivery_id, {"*": "greeter"})


async def test_two_scripts_that_come_back_leave_the_accounts_where_they_were(stand: Stand, node: Node) -> None:
    """The first script's order was for all accounts; sent again alone it would take back those of the second."""
    await node.runs("first", "first", bind="all")
    await node.runs("second", "second", bind=["acc-1"])
    await node.has()
    orders = await stand.mend(LOOK)
    whole = {"*": "first", "acc-1": "second"}
    assert {order.artifact.id: (order.bind, order.bindings) for order in orders} == {
        "first": (None, whole),
        "second": (None, whole),
    }


async def test_an_absent_node_is_repaired_when_it_comes_back(stand: Stand, node: Node) -> None:
    """Orders to an absent node are noise; a node that comes back broken must not stay so."""
    await node.runs()
    await node.has(status=NodeStatus.OFFLINE)
    assert await stand.mend(LOOK) == []
    assert (await the_drift(stand)).state is DriftState.DRIFTED
    assert await stand.mend(7200) == []
    await node.has()
    assert len(await stand.mend()) == 1


async def test_drift_waits_for_a_delivery_of_the_script(stand: Stand, node: Node) -> None:
    """Two orders for the same script would undo each other."""
    await node.runs("first")
    await stand.push("second")
    await stand.deploy("a")
    await node.has()
    assert await stand.mend(LOOK) == [] and await stand.mend(3600) == []
    assert await stand.drift() == []


async def test_a_delivery_that_is_held_back_hides_no_drift(stand: Stand, node: Node) -> None:
    """A rollout may stand still for days; the nodes of its later groups would lie damaged as long."""
    first = await node.runs("first")
    await stand.push("second")
    await stand.deploy(
        "a", rollout=Rollout(rate={"per_minute": 1}, window={"from": "03:00", "to": "04:00", "time_zone": "UTC"})
    )
    await node.has()
    [again] = await stand.mend(LOOK)
    assert (again.delivery_id, again.content) == (first.delivery_id, "first")


async def test_the_policy_to_report_shows_and_does_nothing(stand: Stand, node: Node) -> None:
    """Somebody edits on the node on purpose, and wants to go on."""
    order = await node.runs(rollout=Rollout(drift="report"))
    await node.has()
    assert await stand.mend(LOOK) == [] and await stand.look(86_400, step=60) == []
    row = await the_drift(stand)
    assert (row.state, row.want.policy if row.want else None) == (DriftState.DRIFTED, DriftPolicy.REPORT)
    assert isinstance(await stand.settle.overwrite("a", "greeter"), Desired)
    [again] = await stand.mend()
    assert again.delivery_id != order.delivery_id and again.issued_at > order.issued_at
    await node.has(loaded(again))
    assert await stand.drift() == [] and stand.drift_news == ["found", "repaired"]


async def test_a_node_that_refuses_is_given_up_at_once_with_its_reason(stand: Stand, node: Node) -> None:
    """Sending a script ten times to an agent that cannot load it helps nobody."""
    await node.runs()
    await node.has()
    [again] = await stand.mend(LOOK)
    delivery = next(iter((await stand.deliveries(await newest(stand))).values()))
    refusal = report(delivery, FAILED, attempt=again.attempt, cause=FailureCause.INVALID_SCRIPT, reason="unknown\0step")
    assert await stand.tell_all([refusal, refusal]) == [None, None]
    row = await the_drift(stand)
    assert row.state is DriftState.GIVEN_UP and "unknown\N{REPLACEMENT CHARACTER}step" in (row.reason or "")
    await node.beats()
    assert await stand.mend(86_400) == []
    assert stand.drift_news == ["found", "given_up"]


async def test_a_worker_that_does_not_tell_what_it_has_is_no_quarrel(stand: Stand, node: Node) -> None:
    """It would be sent the same script ten times, and be given up as if it had lost it."""
    await node.runs()
    await node.has()
    delivery = next(iter((await stand.deliveries(await newest(stand))).values()))
    for _ in range(3):
        [again] = await stand.mend(LOOK * 4)
        await stand.tell_all([report(delivery, APPLIED, attempt=again.attempt)])
    assert await stand.mend(86_400) == []
    row = await the_drift(stand)
    assert row.state is DriftState.GIVEN_UP
    assert row.reason and row.reason.startswith("this node does not tell what it has loaded")
    # As soon as it tells, it is in sync.
    await node.has(loaded(again))
    assert await stand.drift() == [] and stand.drift_news == ["found", "given_up", "repaired"]


async def newest(stand: Stand) -> Deployment:
    """The newest deployment."""
    async with stand.store.begin() as transaction:
        return (await transaction.deployments.page(DeploymentQuestion(), None, 1))[0]


def forgotten(order: DeliverArtifact, body: str) -> AppliedArtifact:
    """A version that came an hour later, by a deployer's database that is lost."""
    return loaded(
        order,
        version=9,
        hash=content_hash(body.encode()),
        delivery_id="dlv_" + "9" * 32,
        ordered_at=order.issued_at + timedelta(hours=1),
    )


async def test_what_is_newer_is_shown_never_overwritten_and_can_be_adopted(stand: Stand, node: Node) -> None:
    """After a restore of an older database the deployer would roll the whole fleet back."""
    order = await node.runs(bind="all")
    ahead = forgotten(order, "lost")
    await node.has(ahead)
    assert await stand.mend(LOOK) == [] and await stand.look(86_400, step=60) == []
    row = await the_drift(stand)
    assert (row.state, row.found) == (DriftState.NEWER, ahead) and "later than anything" in (row.reason or "")
    refused = await stand.settle.adopt("a", "greeter")
    assert isinstance(refused, NotPossible) and "push that script again" in refused.reason
    await stand.push("lost")
    settled = await stand.settle.adopt("a", "greeter")
    assert isinstance(settled, Desired) and settled.want is not None
    assert (settled.want.artifact.version, settled.want.delivery_id) == (2, ahead.delivery_id)
    assert await stand.drift() == [] and stand.drift_news == ["found", "adopted"]
    # From here on it is desired like everything else; who plays it nobody here knows.
    await node.has()
    [again] = await stand.mend(LOOK)
    assert (again.delivery_id, again.content, again.bindings) == (ahead.delivery_id, "lost", None)
    unknown = report((await stand.deliveries(await newest(stand)))["a"], APPLIED, delivery_id=again.delivery_id)
    assert await stand.tell_all([unknown]) == [None]


async def test_what_is_newer_can_be_overwritten(stand: Stand, node: Node) -> None:
    """The operator decides; the order must be one that the node does not refuse as overtaken."""
    order = await node.runs()
    await node.has(forgotten(order, "lost"))
    await stand.mend(LOOK)
    assert isinstance(await stand.settle.overwrite("a", "greeter"), Desired)
    [again] = await stand.mend()
    assert again.content == "ours" and again.issued_at > order.issued_at + timedelta(hours=1)
    await node.has(loaded(again))
    assert await stand.drift() == []
    newer = await stand.order_script("greeter", "a")
    assert newer.deployment.created_at > again.issued_at


async def test_a_script_that_nobody_here_has_ordered_is_shown_until_it_is_gone(stand: Stand, node: Node) -> None:
    """A database older than the script itself would not even know that it runs."""
    order = await node.runs()
    stranger = forgotten(order, "lost").model_copy(update={"id": "stranger"})
    await node.has(loaded(order), stranger)
    await stand.mend(LOOK)
    row = await the_drift(stand)
    assert (row.script_id, row.state, row.want) == ("stranger", DriftState.NEWER, None)
    assert isinstance(await stand.settle.overwrite("a", "stranger"), NotPossible)
    await node.has(loaded(order))
    assert await stand.drift() == []


async def test_what_cannot_be_settled_is_refused_with_the_way_out(stand: Stand, node: Node) -> None:
    """An operator would press the button again and again."""
    order = await node.runs()
    assert isinstance(await stand.settle.adopt("a", "greeter"), NoDrift)
    assert isinstance(await stand.settle.overwrite("a", "nothing"), NoDrift)
    await node.has(loaded(order, file=FileState.ALTERED))
    await stand.mend(LOOK)
    refused = await stand.settle.adopt("a", "greeter")
    assert isinstance(refused, NotPossible) and "overwrite" in refused.reason
    await node.has(forgotten(order, "ours").model_copy(update={"ordered_at": order.issued_at + timedelta(days=9000)}))
    await stand.mend(LOOK)
    for settle in (stand.settle.adopt, stand.settle.overwrite):
        ahead = await settle("a", "greeter")
        assert isinstance(ahead, NotPossible) and "clocks" in ahead.reason


async def test_a_later_deployment_ends_every_drift(stand: Stand, node: Node) -> None:
    """A row of an order that no longer stands would be repaired against the new one."""
    await node.runs("first")
    await node.has()
    await stand.mend(LOOK)
    second = await node.runs("second")
    assert await stand.drift() == [] and await stand.mend(86_400) == []
    await node.has()
    [again] = await stand.mend(LOOK)
    assert (again.delivery_id, again.attempt) == (second.delivery_id, 2)
