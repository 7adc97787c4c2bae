"""A rollout watched: on a terminal, in a pipe, and while Callboard is away."""

import re
from pathlib import Path
from typing import Any

import pytest

from services.cli.failures import ExitCode
from tests.integration.cli.commands.back_office import DEPLOYMENT, BackOffice, deployment
from tests.integration.cli.commands.conftest import Callboard
from tests.integration.cli.commands.test_terminal import on_terminal

HASH = "sha256:" + "1" * 64


def in_groups(state: str, *groups: tuple[int, dict[str, int]], **more: Any) -> dict[str, Any]:
    """A deployment in groups of (held, totals)."""
    nodes = [(f"node-{number}-{state}-{n}", state, None) for number, (_, totals) in enumerate(groups)
             for state, count in totals.items() for n in range(count)]  # fmt: skip
    views = [
        {"group": number, "size": sum(totals.values()), "held": held, "totals": totals}
        for number, (held, totals) in enumerate(groups, 1)
    ]
    total = len(nodes)
    return {**deployment(state, *nodes), "groups": views, "total": total, "reason": None, "causes": {}, **more}


BEGUN = in_groups("running", (0, {"sent": 1}), (9, {"pending": 9}))
PAUSED = in_groups(
    "paused", (0, {"failed": 1}), (9, {"pending": 9}), reason="1 of 1 nodes failed", causes={"tests_failed": 1}
)
GOES_ON = in_groups(
    "running", (0, {"failed": 1}), (4, {"verified": 3, "sent": 2, "pending": 4}), causes={"tests_failed": 1}
)
ENDED = in_groups("failed", (0, {"failed": 1}), (0, {"verified": 9}), causes={"tests_failed": 1})
GOOD = in_groups("succeeded", (0, {"verified": 1}), (0, {"verified": 9}))


def test_groups_and_causes_in_a_pipe(callboard: Callboard, office: BackOffice) -> None:
    """A log that repeats itself twice a second, or that leaves out why it stands still, is not read."""
    office.course = [BEGUN, BEGUN, PAUSED, PAUSED, GOES_ON, ENDED]
    result = callboard("deployments", "watch", DEPLOYMENT)
    assert result.exit_code == ExitCode.FAILED
    *lines, _, _ = result.stderr.splitlines()
    assert lines == [
        "group 1: 0 of 1 verified, 1 sent",
        "group 1: 0 of 1 verified, 1 failed",
        "1 × tests_failed",
        f"paused: 1 of 1 nodes failed; `callboard deployments resume {DEPLOYMENT}` goes on, "
        f"`callboard deployments rollback {DEPLOYMENT}` takes it back",
        "group 2: 3 of 9 verified, 2 sent, 4 held",
        "group 2: 9 of 9 verified",
    ]


def test_a_bar_for_each_group_on_a_terminal(office: BackOffice, address: str) -> None:
    """With one bar for everything a canary that fails is a tenth of a per cent."""
    office.course = [BEGUN, BEGUN, GOES_ON, GOES_ON, GOOD]
    shown = "\n".join(on_terminal(100, address, "deployments", "watch", DEPLOYMENT))
    assert re.search(r"group 1 +\S+ +0 of 1 verified, 1 sent", shown)
    assert re.search(r"group 2 +\S+ +3 of 9 verified, 2 sent, 4 held", shown)
    assert re.search(r"all: 3 of 10 verified, .*4 held", shown)
    assert "1 × tests_failed" in shown


def test_loss_of_callboard_in_the_middle(callboard: Callboard, office: BackOffice) -> None:
    """A rollout of a night outlives a restart of the deployer, and so does the terminal that watches it."""
    office.course = [503, BEGUN, 503, 503, 502, GOES_ON, 503, GOOD]
    result = callboard("deployments", "watch", DEPLOYMENT)
    assert result.exit_code == ExitCode.OK
    assert result.stderr.count("the deployer is away; asking again") == 3


def test_what_a_watch_waits_for(callboard: Callboard, office: BackOffice) -> None:
    """A picture in which nothing moves needs the reason."""
    office.course = [
        in_groups("planned", (3, {"pending": 3}), plan_hash=HASH),
        in_groups("scheduled", (3, {"pending": 3}), rollout={"start_at": "2026-02-01T22:30:00Z"}),
        in_groups("running", (3, {"pending": 3}), rollout={"window": {"from": "22:00", "to": "04:00"}}),
        in_groups("canceled", (0, {"canceled": 3}), reason="somebody aborted it"),
    ]
    result = callboard("deployments", "watch", DEPLOYMENT)
    assert result.exit_code == ExitCode.FAILED
    for sentence in (
        f"waits for approval: `callboard deployments approve {DEPLOYMENT} {HASH}` starts it",
        "waits for its time: 2026-02-01T22:30:00Z",
        "waits for its window: 22:00-04:00@node",
        f"{DEPLOYMENT} was canceled (somebody aborted it); not on every node: 0 of 3 verified, 3 canceled",
    ):
        assert sentence in result.stderr


def test_a_watch_reads_little(callboard: Callboard, office: BackOffice) -> None:
    """Ten thousand deliveries twice a second would be more work than the rollout."""
    office.course = [BEGUN, GOOD]
    callboard("deployments", "watch", DEPLOYMENT)
    assert office.limits[:2] == [1, 1]


@pytest.mark.parametrize(
    ("words", "policy"),
    [
        ([], None),
        (["--groups", "1,10%,rest", "--success", "95"], {"groups": [1, "10%", "100%"], "success_percent": 95}),
        (
            ["--stop", "5%", "--stop", "20% of 10 then abort"],
            {"stop": [{"failed_percent": 5, "then": "pause"}, {"failed_percent": 20, "least": 10, "then": "abort"}]},
        ),
        (
            ["--receive", "5m", "--verify", "1h", "--deadline", "7d", "--rate", "60"],
            {
                "timers": {"receive_seconds": 300, "verify_seconds": 3600},
                "deadline_seconds": 604_800,
                "rate": {"per_minute": 60},
            },
        ),
        (["--dynamic", "--approval", "--drift", "report"], {"dynamic": True, "approval": True, "drift": "report"}),
    ],
)
def test_the_policy_that_is_sent(
    callboard: Callboard, office: BackOffice, words: list[str], policy: dict[str, Any] | None
) -> None:
    """An option that does not arrive is a rollout without its brake."""
    assert callboard("deployments", "start", "welcome", "--selector", "all", *words).exit_code == ExitCode.OK
    assert office.bodies == [{"selector": "all"} | ({} if policy is None else {"rollout": policy})]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--groups", "0"], "Invalid value for '--groups': '0' is a group of nobody: write at least 1 node or 1%"),
        (["--groups", "1,101%"], "'101%' in '1,101%' is more than all nodes: a share is from 1% to 100%"),
        (["--window", "22:00-22:00"], "'22:00-22:00' is empty: it ends when it begins; leave it out for the whole day"),
        (["--stop", "20"], "Invalid value for '--stop': '20' is no stop rule: write such as '20% of 10 then abort'"),
        (["--deadline", ""], "'' is no duration: write a number with a unit, such as 90s, 5m, 2h, 1d or 1h30m"),
        (["--start-at", "2020-01-01T22:00"], "'2020-01-01T22:00' is over: leave it out to start at once"),
        (["--rollout", "no.yaml"], "'no.yaml' does not exist"),
    ],
)
def test_a_policy_that_is_not_understood_orders_nothing(
    callboard: Callboard, office: BackOffice, words: list[str], says: str
) -> None:
    """A rule with a slip in it must not become no rule."""
    result = callboard("deployments", "start", "welcome", "--selector", "all", *words)
    assert (result.exit_code, office.asked) == (ExitCode.USAGE, [])
    assert says in result.stderr


def test_late_joiners_need_a_selector(callboard: Callboard, office: BackOffice) -> None:
    """Nodes that are named are all there already."""
    result = callboard("deployments", "start", "welcome", "--nodes", "node-a", "--dynamic")
    assert (result.exit_code, office.asked) == (ExitCode.USAGE, [])
    assert "--dynamic goes with --selector" in result.stderr


def test_the_options_of_a_rollout_go_with_deploy(callboard: Callboard, office: BackOffice) -> None:
    """A push that ignores `--groups` would look as if nodes had got it in groups."""
    Path("mine.yaml").write_text("id: mine\n")
    result = callboard("scripts", "push", "mine.yaml", "--groups", "1,rest")
    assert (result.exit_code, office.asked) == (ExitCode.USAGE, [])
    assert "the options of a rollout go with --deploy" in result.stderr
