"""Rollouts of any groups and any progress."""

from hypothesis import given
from hypothesis import strategies as st

from services.deployer.domain.advancing import Wait, decided
from services.deployer.domain.deployments import Group
from services.deployer.domain.rollout import group_sizes
from shared.contracts.deployments import DeliveryState
from tests.unit.deployer.making import START
from tests.unit.deployer.test_advancing import deployment


@given(
    st.lists(st.one_of(st.integers(1, 99), st.integers(1, 100).map(lambda n: f"{n}%")), min_size=1), st.integers(1, 999)
)
def test_everybody_is_in_one_group(groups: list[int | str], total: int) -> None:
    """Otherwise a node of the plan would never get its script."""
    sizes = group_sizes(groups, total)
    assert sum(sizes) == total and all(sizes) and len(sizes) <= len(groups)


@given(st.data())
def test_a_rollout_never_waits_for_nothing(data: st.DataObject) -> None:
    """Whatever has happened to its deliveries: something is open, something is done now, or there is a time."""
    groups = []
    for _ in range(data.draw(st.integers(1, 3))):
        counts = {
            state: data.draw(st.integers(0, 3)) for state in ("verified", "failed", "superseded", "sent", "pending")
        }
        size = sum(counts.values())
        if size:
            held = data.draw(st.integers(0, counts["pending"]))
            groups.append(Group(size, held, {DeliveryState(state): count for state, count in counts.items() if count}))
    if not groups or not any(each.remaining for each in groups):
        return
    percent = data.draw(st.sampled_from([1, 50, 100]))
    row = deployment(*groups, rollout={"groups": [1] * len(groups), "success_percent": percent})
    moving = sum(each.remaining - each.held for each in groups)
    decision = decided(row, START)
    if isinstance(decision, Wait) and decision.until is None:
        assert moving > 0
