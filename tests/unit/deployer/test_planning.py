"""Selectors, targets, nodes and totals: the pure rules around a deployment."""

from datetime import timedelta

import pytest

from services.deployer.domain.deployments import TICK, Deployment, counted, ordered_at
from services.deployer.domain.nodes import Sighting, sighted
from services.deployer.domain.selector import Selector, SelectorProblem, parse_selector
from services.deployer.domain.targets import NodeIds, NothingSelected, UnknownNodes, planned
from shared.contracts.artifacts import Artifact
from shared.contracts.deployments import DeliveryState, DeploymentState
from shared.contracts.fleet import NodeStatus
from tests.unit.deployer.making import HASH, START, delivery, node


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("all", {}, True),
        (" all ", {"a": "b"}, True),
        ("region=eu", {"region": "eu"}, True),
        ("region=eu", {"region": "us"}, False),
        ("region=eu", {}, False),
        ("region!=eu", {}, True),
        ("region!=eu", {"region": "eu"}, False),
        (" region = eu , tier != test ", {"region": "eu", "tier": "live"}, True),
        ("region=eu,tier!=test", {"region": "eu", "tier": "test"}, False),
    ],
)
def test_a_selector_matches_what_it_says(text: str, labels: dict[str, str], expected: bool) -> None:
    """Otherwise a script would go to nodes that nobody meant."""
    selector = parse_selector(text)
    assert isinstance(selector, Selector)
    assert selector.matches(labels) is expected


@pytest.mark.parametrize(
    "text", ["", ",", "region", "region=", "=eu", "a=b,", "a==b", "a=b;c=d", "a=b c", "ALL", "é=b"]
)
def test_a_selector_that_cannot_be_read_says_which_condition(text: str) -> None:
    """Otherwise a typing mistake could select every node."""
    problem = parse_selector(text)
    assert isinstance(problem, SelectorProblem)
    assert "write label=value" in problem.message


def test_a_selector_is_bounded() -> None:
    """Otherwise a selector could cost as much as somebody likes to type."""
    assert isinstance(parse_selector(",".join(["a=b"] * 21)), SelectorProblem)


def test_named_nodes_are_planned_once_each() -> None:
    """Otherwise a name given twice would make two deliveries that supersede each other."""
    assert planned(NodeIds(["b", "a", "b"]), [node("a"), node("b"), node("c")]) == ["a", "b"]


def test_unknown_nodes_are_named_with_their_place_and_what_was_meant() -> None:
    """Otherwise an operator would have to search a thousand names for the mistake."""
    plan = planned(NodeIds(["demo-a", "demo-x", "zzz"]), [node("demo-a"), node("demo-b")])
    assert isinstance(plan, UnknownNodes)
    assert [(one.index, one.node_id) for one in plan.nodes] == [(1, "demo-x"), (2, "zzz")]
    assert "did you mean demo-b or demo-a?" in str(plan.nodes[0]) or "demo-a or demo-b" in str(plan.nodes[0])
    assert "has its agent ever reported?" in str(plan.nodes[1])


def test_a_selector_takes_offline_nodes_too_and_an_empty_selection_is_told() -> None:
    """Otherwise a node that sleeps would miss the rollout, or an order to nobody would look like a success."""
    nodes = [node("b", status=NodeStatus.OFFLINE, labels={"region": "eu"}), node("a", labels={"region": "eu"})]
    selector = parse_selector("region=eu")
    assert isinstance(selector, Selector)
    assert planned(selector, nodes) == ["a", "b"]
    nothing = parse_selector("region=us")
    assert isinstance(nothing, Selector)
    assert planned(nothing, nodes) == NothingSelected(known=2)


def test_only_observations_that_are_not_older_count() -> None:
    """Otherwise events that overtake each other would leave a node in a state of the past."""
    later = START + timedelta(seconds=1)
    known = {"a": node("a", boot=2, seq=3), "b": node("b")}
    stale, equal = node("a", boot=2, seq=2), node("a", boot=2, seq=3, labels={"x": "y"})
    newest, older = node("b", seq=5, observed_at=later), node("b", seq=4)
    sightings = sighted(known, [stale, newest, older, equal, node("c")])
    assert [(one.before, one.now) for one in sightings] == [
        (known["a"], equal),
        (known["b"], newest),
        (None, node("c")),
    ]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (None, node(), True),
        (None, node(status=NodeStatus.OFFLINE), False),
        (node(status=NodeStatus.OFFLINE), node(), True),
        (node(), node(seq=2), False),
        (node(), node(boot=2), True),
        (node(), node(status=NodeStatus.OFFLINE), False),
    ],
)
def test_a_node_comes_online_when_it_is_new_back_or_restarted(before: object, now: object, expected: bool) -> None:
    """Otherwise every announcement would send everything again, or a return would go unnoticed."""
    assert Sighting(before, now).came_online is expected  # type: ignore[arg-type]


def deployment(**totals: int) -> Deployment:
    """A running deployment with these totals."""
    return Deployment(
        id="dep_" + "0" * 32,
        artifact=Artifact(id="greeter", version=1, hash=HASH),
        bind=None,
        targets={},
        created_at=START,
        total=sum(totals.values()),
        totals={DeliveryState(state): count for state, count in totals.items()},
    )


def test_totals_follow_the_deliveries() -> None:
    """Otherwise a progress bar would need to count every row."""
    after = counted(deployment(pending=3), [(delivery(DeliveryState.PENDING), delivery(DeliveryState.SENT))] * 2, START)
    assert (after.totals[DeliveryState.PENDING], after.totals[DeliveryState.SENT]) == (1, 2)
    assert (after.state, after.finished_at, after.remaining) == (DeploymentState.RUNNING, None, 3)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (DeliveryState.VERIFIED, DeploymentState.SUCCEEDED),
        (DeliveryState.FAILED, DeploymentState.FAILED),
        (DeliveryState.TIMED_OUT, DeploymentState.FAILED),
        (DeliveryState.SUPERSEDED, DeploymentState.FAILED),
        (DeliveryState.CANCELED, DeploymentState.FAILED),
    ],
)
def test_a_deployment_succeeds_only_if_every_delivery_is_verified(
    last: DeliveryState, expected: DeploymentState
) -> None:
    """Otherwise success would be shown for nodes that do not run the version."""
    after = counted(deployment(verified=1, sent=1), [(delivery(DeliveryState.SENT), delivery(last))], START)
    assert (after.state, after.finished_at) == (expected, START)


def test_orders_of_a_script_have_rising_times() -> None:
    """Otherwise a node would let the older of two orders stand when the clock was set back."""
    assert ordered_at(START, None) == START
    assert ordered_at(START, START - TICK) == START
    assert ordered_at(START, START) == START + TICK
    assert ordered_at(START, START + timedelta(hours=1)) == START + timedelta(hours=1) + TICK
