"""What nodes say of a delivery, in any order and repeated."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.deployer.domain.deliveries import (
    MOST_FAILED_ATTEMPTS,
    Applied,
    Delivery,
    Event,
    NodeOnline,
    Observed,
    Received,
    moved,
)
from shared.contracts.deliveries import FailureCause
from shared.contracts.deployments import DeliveryState
from tests.unit.deployer.making import HASH, OTHER_HASH, START, delivery
from tests.unit.deployer.test_transitions import NOW, failed


def end_of(events: list[Event]) -> Delivery:
    """A sent delivery after these events; checks on the way that every state is entered once."""
    current = delivery(DeliveryState.SENT, attempts=2)
    entered: list[DeliveryState] = []
    for event in events:
        move = moved(current, event, NOW)
        current = move.delivery
        entered += move.entered
    assert len(entered) == len(set(entered))
    return replace(current, reason=None, cause=None, next_attempt_at=START, failed_attempts=())


# What a node can really say of one delivery: attempts that fail for now, and at most one kind of end.
_PASSING: list[Event] = [Received(), failed(1), failed(2), Observed(OTHER_HASH, True), NodeOnline()]
_ENDS: list[list[Event]] = [
    [],
    [Applied(HASH, True), Observed(HASH, True)],
    [failed(1, FailureCause.INVALID_SCRIPT)],
    [failed(3, FailureCause.TESTS_FAILED), failed(4, None)],
]


@given(data=st.data())
def test_any_order_and_repetition_of_reports_has_the_same_end(data: st.DataObject) -> None:
    """Otherwise redelivery or a reordering by the broker would decide whether a rollout succeeds."""
    end = data.draw(st.sampled_from(_ENDS))
    said = _PASSING + end
    repeated = data.draw(st.lists(st.sampled_from(said), max_size=12))
    shuffled = data.draw(st.permutations(said + repeated))
    assert end_of(shuffled).state is end_of(said).state


@given(st.lists(st.integers(1, 15), max_size=60))
def test_failed_attempts_are_counted_whatever_their_order(attempts: list[int]) -> None:
    """Otherwise the tenth failure would depend on which report came first."""
    current = delivery(DeliveryState.SENT)
    for attempt in attempts:
        current = moved(current, failed(attempt), NOW).delivery
    assert (current.state is DeliveryState.FAILED) == (len(set(attempts)) >= MOST_FAILED_ATTEMPTS)
