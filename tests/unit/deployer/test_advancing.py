"""What a deployment decides at a look, from its row and the time alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.deployer.domain.advancing import (
    Abort,
    Close,
    Decision,
    Expire,
    Pause,
    Release,
    Start,
    Wait,
    decided,
    frontier,
    rate_now,
    released,
    resumed,
)
from services.deployer.domain.deployments import Deployment, Group, Progress, stopped
from services.deployer.domain.rollout import Rate, Rollout, group_sizes
from shared.contracts.artifacts import Artifact
from shared.contracts.deployments import DeliveryState, DeploymentState
from tests.unit.deployer.making import HASH, START

LATE = START + timedelta(days=1)
SECOND = timedelta(seconds=1)


def group(size: int, held: int = 0, **totals: int) -> Group:
    """A group; what is not named is pending."""
    named = {DeliveryState(state): count for state, count in totals.items()}
    pending = size - sum(totals.values())
    return Group(size, held, {**named, DeliveryState.PENDING: pending} if pending else named)


def deployment(*groups: Group, state: DeploymentState = DeploymentState.RUNNING, **changes: Any) -> Deployment:
    """A deployment of these groups; `rollout` and `causes` as they are written."""
    totals: dict[DeliveryState, int] = {}
    for each in groups:
        for name, count in each.totals.items():
            totals[name] = totals.get(name, 0) + count
    progress = Progress(groups=groups, causes=changes.pop("causes", {}), zones=changes.pop("zones", ()))
    plain = Deployment(
        id="dep_" + "0" * 32,
        artifact=Artifact(id="greeter", version=1, hash=HASH),
        bind=None,
        targets={},
        created_at=START,
        total=sum(each.size for each in groups),
        totals=totals,
        state=state,
        rollout=Rollout.model_validate(changes.pop("rollout", {})),
        progress=progress,
        deadline_at=LATE,
    )
    return replace(plain, **changes)


CANARY = {"groups": [1, "100%"]}


@pytest.mark.parametrize(
    ("groups", "total", "sizes"),
    [
        (["100%"], 7, [7]),
        ([1, "10%", "100%"], 100, [1, 10, 89]),
        ([1, "10%", "100%"], 1, [1]),
        ([1, "10%", "100%"], 2, [1, 1]),
        (["1%", "100%"], 10, [1, 9]),
        ([5, 5], 8, [5, 3]),
        ([5, 1], 100, [5, 95]),
        (["50%", "50%", "50%"], 4, [2, 2]),
    ],
)
def test_groups_share_the_plan_out(groups: list[int | str], total: int, sizes: list[int]) -> None:
    """Otherwise a canary could be nobody, or somebody would be in no group."""
    assert group_sizes(groups, total) == sizes


@pytest.mark.parametrize(
    ("state", "changes", "now", "expected"),
    [
        ("planned", {}, START, Wait(LATE)),
        ("planned", {}, LATE, Expire("nobody approved its plan before 2026-01-02T00:00:00+00:00")),
        ("scheduled", {"rollout": {"start_at": "2026-01-01T00:01:00Z"}}, START, Wait(START + 60 * SECOND)),
        ("scheduled", {"rollout": {"start_at": "2026-01-01T00:01:00Z"}}, START + 60 * SECOND, Start()),
        ("scheduled", {}, START, Start()),
        ("running", {}, START, Wait(None)),
        ("running", {"open_ended": True}, START, Wait(LATE)),
        ("running", {"open_ended": True}, LATE, Close()),
        ("running", {}, LATE, Wait(None)),
        ("paused", {}, START, Wait(None)),
        ("paused", {"open_ended": True}, START, Wait(LATE)),
        ("paused", {"open_ended": True}, LATE, Close()),
        ("succeeded", {}, LATE, Wait(None)),
        ("failed", {}, LATE, Wait(None)),
        ("aborted", {}, LATE, Wait(None)),
        ("canceled", {}, LATE, Wait(None)),
    ],
)
def test_every_state_has_its_decision(state: str, changes: dict[str, Any], now: Any, expected: Decision) -> None:
    """Otherwise a state would be left for ever, or be left too early."""
    assert decided(deployment(group(2), state=DeploymentState(state), **changes), now) == expected


@pytest.mark.parametrize(
    ("canary", "percent", "expected"),
    [
        (group(4, held=4), 100, Release(1, 4)),
        (group(4, sent=4), 100, Wait(None)),
        (group(4, verified=3, applied=1), 100, Wait(None)),
        (group(4, verified=4), 100, Release(2, 6)),
        (group(4, verified=3, sent=1), 75, Release(2, 6)),
        (group(4, verified=2, sent=2), 75, Wait(None)),
        (group(4, verified=3, superseded=1), 100, Release(2, 6)),
        (group(4, verified=1, superseded=3), 100, Release(2, 6)),
        (group(4, verified=2, held=2), 50, Release(1, 2)),
        (group(4, verified=1, failed=1, sent=2), 75, Wait(None)),
    ],
)
def test_the_next_group_starts_when_the_share_of_this_one_is_verified(
    canary: Group, percent: float, expected: Decision
) -> None:
    """Otherwise a bad version would go on to everybody, or a good one would stand still."""
    row = deployment(canary, group(6, held=6), rollout={**CANARY, "success_percent": percent})
    assert decided(row, START) == expected


@pytest.mark.parametrize(
    ("canary", "percent", "says"),
    [
        (group(4, failed=1, sent=3), 100, "1 of 4 nodes of group 1 failed: 100 % verified cannot be reached"),
        (group(4, timed_out=2, held=2), 75, "2 of 4 nodes of group 1 failed: 75 % verified cannot be reached"),
        (group(4, superseded=4), 50, "group 1 was taken over by newer deployments"),
    ],
)
def test_a_share_that_cannot_be_reached_pauses_at_once(canary: Group, percent: float, says: str) -> None:
    """Otherwise the rollout would stand still until its deadline, and nobody would know why."""
    row = deployment(canary, group(6, held=6), rollout={**CANARY, "success_percent": percent})
    decision = decided(row, START)
    assert isinstance(decision, Pause) and decision.reason.startswith(says)


def test_the_last_group_guards_nothing() -> None:
    """Otherwise a plain push would be paused by its first failure."""
    assert decided(deployment(group(3, failed=1, sent=2)), START) == Wait(None)
    assert decided(deployment(group(1, verified=1), group(3, held=2, failed=1), rollout=CANARY), START) == Release(2, 2)


def test_resuming_lets_the_group_pass_that_fell_short() -> None:
    """Otherwise it would be paused again at the next look."""
    row = deployment(group(2, failed=1, verified=1), group(6, held=6), rollout=CANARY, state=DeploymentState.PAUSED)
    again = resumed(row)
    assert (again.state, again.reason, frontier(again)) == (DeploymentState.RUNNING, None, 1)
    assert decided(again, START) == Release(2, 6)


def test_resuming_a_healthy_rollout_lets_no_group_pass() -> None:
    """Otherwise a pause for lunch would end the canary."""
    row = deployment(group(2, sent=2), group(6, held=6), rollout=CANARY, state=DeploymentState.PAUSED)
    assert decided(resumed(row), START) == Wait(None)


RULE = {"stop": [{"failed_percent": 50, "least": 4}]}


@pytest.mark.parametrize(
    ("rules", "totals", "causes", "expected"),
    [
        (RULE, {"verified": 2, "failed": 1, "sent": 7}, {"tests_failed": 1}, None),
        (RULE, {"verified": 2, "failed": 2, "sent": 6}, {"tests_failed": 2}, Pause),
        (RULE, {"verified": 1, "failed": 2, "sent": 7}, {"tests_failed": 2}, None),
        (RULE, {"verified": 2, "timed_out": 2}, {"timed_out": 2}, Pause),
        (RULE, {"superseded": 5, "failed": 1}, {"tests_failed": 1}, None),
        ({"stop": [{"failed_percent": 1, "then": "abort"}]}, {"failed": 1}, {"other": 1}, Abort),
        ({"stop": [{"failed_percent": 1, "causes": ["timed_out"]}]}, {"failed": 1}, {"other": 1}, None),
        ({"stop": [{"failed_percent": 1, "causes": ["other"]}]}, {"failed": 1}, {"other": 1}, Pause),
        (
            {"stop": [{"failed_percent": 1}, {"failed_percent": 50, "then": "abort"}]},
            {"failed": 1, "verified": 1},
            {"other": 1},
            Abort,
        ),
    ],
)
def test_a_stop_rule_counts_failures_among_what_has_ended(
    rules: dict[str, Any], totals: dict[str, int], causes: dict[str, int], expected: Any
) -> None:
    """Otherwise one failure of the first node would stop everything, or a thousand would stop nothing."""
    decision = decided(deployment(group(10, **totals), rollout=rules, causes=causes), START)
    assert isinstance(decision, expected or Wait)


def test_a_stop_rule_says_what_it_has_counted() -> None:
    """Otherwise an operator would see that it stopped, and not why."""
    rule = {"failed_percent": 40, "causes": ["tests_failed", "timed_out"], "then": "abort"}
    row = deployment(group(10, verified=1, failed=1), rollout={"stop": [rule]}, causes={"tests_failed": 1})
    assert decided(row, START) == Abort("1 of 2 nodes failed (tests_failed, timed_out): the rule allows less than 40 %")


def test_what_somebody_has_seen_does_not_stop_it_again() -> None:
    """Otherwise a rollout that was resumed would be paused for the same failures, again and again."""
    row = deployment(group(10, failed=2, verified=2, sent=6), rollout=RULE, causes={"other": 2})
    assert isinstance(decided(row, START), Pause)
    again = resumed(replace(row, state=DeploymentState.PAUSED))
    assert decided(again, START) == Wait(None)
    worse = replace(
        again,
        totals={DeliveryState.FAILED: 5, DeliveryState.VERIFIED: 3},
        progress=replace(again.progress, causes={"other": 5}),
    )
    assert decided(worse, START) == Pause("3 of 4 nodes failed: the rule allows less than 50 %")


def steady(per_minute: float, **more: Any) -> Deployment:
    """A hundred nodes at a rate."""
    return deployment(group(100, held=100), rollout={"rate": {"per_minute": per_minute, **more}})


def test_a_rate_lets_nodes_go_one_after_the_other() -> None:
    """Otherwise a rate of six a minute would be a burst of six each minute."""
    row = released(steady(6), 0, START)
    assert decided(row, START) == Release(1, 1)
    row = released(row, 1, START)
    wait = decided(row, START)
    assert isinstance(wait, Wait) and wait.until is not None
    assert timedelta(seconds=10) < wait.until - START < timedelta(seconds=10.1)
    assert decided(row, wait.until) == Release(1, 1)


def test_an_outage_of_the_job_is_no_credit_for_a_flood() -> None:
    """Otherwise an hour without the deployer would be followed by an hour's worth of nodes at once."""
    row = released(steady(60), 1, START)
    assert decided(row, START + timedelta(hours=1)) == Release(1, 2)
    assert decided(released(steady(6000), 100, START), START + timedelta(hours=1)) == Release(1, 100)


@pytest.mark.parametrize(("verified", "expected"), [(0, 10), (9, 10), (10, 20), (25, 40), (30, 60), (10_000_000, 60)])
def test_a_rate_grows_with_success(verified: int, expected: float) -> None:
    """Otherwise a thousand nodes would go at the pace of the first ten."""
    assert rate_now(Rate(per_minute=10, factor=2, after_verified=10, most_per_minute=60), verified) == expected


def test_a_rate_without_a_bound_does_not_overflow() -> None:
    """Otherwise a long rollout would end in an error of arithmetic."""
    assert rate_now(Rate(per_minute=10, factor=10, after_verified=1), 10_000) > 1e100


def test_nothing_is_sent_outside_the_window() -> None:
    """Otherwise a node would change its script in the middle of the day."""
    window = {"window": {"from": "22:00", "to": "04:00", "time_zone": "UTC"}}
    at_noon = START + timedelta(hours=12)
    row = deployment(group(3, held=3), rollout=window, zones=("UTC",))
    assert decided(row, START) == Release(1, 3, ["UTC"])
    assert decided(row, at_noon) == Wait(START + timedelta(hours=22))


def test_each_time_zone_has_its_own_night() -> None:
    """Otherwise Tokyo would get it in Berlin's night."""
    window = {"window": {"from": "22:00", "to": "04:00"}}
    row = deployment(group(3, held=3), rollout=window, zones=("Asia/Tokyo", "UTC"))
    assert decided(row, START + timedelta(hours=14)) == Release(1, 3, ["Asia/Tokyo"])
    assert decided(row, START + timedelta(hours=8)) == Wait(START + timedelta(hours=13))


@pytest.mark.parametrize(
    ("state", "expected"),
    [("planned", "canceled"), ("scheduled", "canceled"), ("running", "aborted"), ("paused", "aborted")],
)
def test_calling_off_is_named_after_what_was_there(state: str, expected: str) -> None:
    """Otherwise a plan that never began would look as if nodes had been touched."""
    after = stopped(deployment(group(1), state=DeploymentState(state)), "enough", START)
    assert (after.state, after.reason, after.finished_at, after.next_look_at) == (expected, "enough", START, None)
