"""The pictures of docs/deployments.md are those of the code: each way drawn exists, and each that exists is drawn."""

import re
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import get_args

from services.deployer.domain.deliveries import (
    Applied,
    Canceled,
    Due,
    Event,
    Failed,
    HeldBack,
    NodeOnline,
    Observed,
    Received,
    Released,
    Superseded,
    moved,
)
from services.deployer.domain.deployments import TRANSITIONS
from services.deployer.domain.rollout import Rollout
from shared.contracts.deliveries import FailureCause
from shared.contracts.deployments import FINAL_STATES, DeliveryState, DeploymentState
from tests.unit.deployer.making import HASH, START, delivery

PAGE = Path(__file__).parents[3] / "docs" / "deployments.md"
SOON, LATE = START + timedelta(seconds=5), START + timedelta(days=30)
EVENTS: tuple[Event, ...] = (
    Due(SOON),
    NodeOnline(),
    Released(),
    HeldBack(),
    Received(),
    Applied(HASH, tests_passed=True),
    Applied(HASH, tests_passed=False),
    Failed(1, FailureCause.TESTS_FAILED, "they failed", SOON),
    Failed(1, FailureCause.TOO_LATE, "it slept through its window", SOON),
    Observed(HASH, tests_passed=True),
    Superseded("dep_2"),
    Canceled("somebody aborted it"),
)
Way = tuple[str, str]


def drawn(number: int) -> set[Way]:
    """The ways of the page's n-th picture; a way from a frame is one from each state in it that has a way on."""
    picture = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[number]
    frames = {
        name: {way[0] for way in _ways(inside)}
        for name, inside in re.findall(r"state (\w+) \{\n(.*?)\n    \}", picture, re.DOTALL)
    }
    ways = {(each, after) for before, after in _ways(picture) for each in frames.get(before, {before})}
    return {way for way in ways if "[*]" not in way}


def _ways(picture: str) -> list[Way]:
    return [(before, after) for before, after in re.findall(r"^ *(\S+) --> (\w+|\[\*\])", picture, re.MULTILINE)]


def test_a_deployment_goes_the_ways_that_are_drawn() -> None:
    """An operator who waits for a state that never comes has read a false picture."""
    assert drawn(0) == {(before.value, after.value) for before, afters in TRANSITIONS.items() for after in afters}
    assert set(TRANSITIONS) == {state for state in DeploymentState if not state.final}


def test_a_delivery_goes_the_ways_that_are_drawn() -> None:
    """The same, for what an operator sees of each node."""
    assert {type(event) for event in EVENTS} == set(get_args(Event)), "an event is missing here"
    ways = set()
    for state in set(DeliveryState) - FINAL_STATES:
        for event in EVENTS:
            for now in (SOON, LATE):
                entered = moved(delivery(state=state, zone="UTC", attempts=1), event, now).entered
                ways |= {(before.value, after.value) for before, after in pairwise((state, *entered))}
    assert drawn(1) == ways


def test_the_page_names_every_field_of_a_policy_with_its_default() -> None:
    """A field that the page does not name is one that nobody uses."""
    rows = re.findall(r"^\| `(\w+)` \| ", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(Rollout.model_fields)
