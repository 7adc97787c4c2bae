"""Deployments ordered and watched."""

import json

import pytest

from services.cli.failures import ExitCode
from tests.integration.cli.commands.back_office import DEPLOYMENT, BackOffice, deployment
from tests.integration.cli.commands.conftest import Callboard

RUNNING = deployment("running", ("node-a", "verified", None), ("node-b", "sent", None))
DONE = deployment("succeeded", ("node-a", "verified", None), ("node-b", "verified", None))
BROKEN = deployment(
    "failed",
    ("node-a", "verified", None),
    ("node-b", "failed", "tests_failed: hello"),
    ("node-c", "failed", "tests_failed: hello"),
    ("node-d", "timed_out", None),
)


def test_watch_to_success(callboard: Callboard, office: BackOffice) -> None:
    """A pipeline goes on when, and only when, every node runs the version."""
    office.course = [RUNNING, RUNNING, DONE]
    result = callboard("deployments", "watch", DEPLOYMENT)
    assert result.exit_code == ExitCode.OK
    assert result.stderr.splitlines() == [
        "1 of 2 verified, 1 sent",
        "2 of 2 verified",
    ]
    assert "node-b" in result.stdout


def test_watch_to_failure(callboard: Callboard, office: BackOffice) -> None:
    """'Failed' without the reasons, by how many nodes each, starts a search through logs."""
    office.course = [BROKEN]
    result = callboard("deployments", "watch", DEPLOYMENT)
    assert result.exit_code == ExitCode.FAILED
    assert "2 × failed: tests_failed: hello" in result.stderr
    assert "1 × timed_out: no reason was given" in result.stderr


def test_watch_bears_a_restart(callboard: Callboard, office: BackOffice) -> None:
    """A deployer that restarts in the middle of a rollout must not make the pipeline fail."""
    office.course = [RUNNING, 503, DONE]
    result = callboard("deployments", "watch", DEPLOYMENT, "--json")
    assert result.exit_code == ExitCode.OK
    assert "the deployer is away; asking again" in result.stderr
    assert json.loads(result.stdout)["state"] == "succeeded"


def test_watch_gives_up(callboard: Callboard, office: BackOffice) -> None:
    """A watch without an end blocks a pipeline for ever."""
    office.course = [RUNNING]
    result = callboard("deployments", "watch", DEPLOYMENT, "--timeout", "0.2")
    assert result.exit_code == ExitCode.FAILED
    assert "is not final after 0.2 s" in result.stderr


def test_show(callboard: Callboard, office: BackOffice) -> None:
    """How far each node is, with what it reports."""
    office.course = [BROKEN]
    shown = callboard("deployments", "show", DEPLOYMENT).stdout
    assert "1 of 4 verified" in shown
    assert "abababababab" in shown


def test_all_pages_of_a_large_rollout(callboard: Callboard, office: BackOffice) -> None:
    """The one node that failed among thousands must not be on a page that nobody asks for."""
    verified = [(f"node-{n}", "verified", None) for n in range(2_100)]
    office.course = [deployment("failed", *verified, ("node-z", "failed", "no space"))]
    result = callboard("deployments", "watch", DEPLOYMENT, "--json")
    assert len(json.loads(result.stdout)["deliveries"]) == 2_101
    assert "1 × failed: no space" in result.stderr
    assert "no space" in callboard("deployments", "show", DEPLOYMENT).stdout


def test_start_sends_what_was_said(callboard: Callboard, office: BackOffice) -> None:
    """A node that is lost on the way, or bound accounts that are not, run the old script."""
    result = callboard("deployments", "start", "welcome", "--nodes", "node-a, node-b", "--bind", "a1,a2")
    assert (result.exit_code, result.stdout) == (ExitCode.OK, DEPLOYMENT + "\n")
    assert f"`callboard deployments watch {DEPLOYMENT}`" in result.stderr
    callboard("deployments", "start", "welcome", "--selector", "region=tw", "--version", "2", "--bind", "all")
    assert office.bodies == [
        {"node_ids": ["node-a", "node-b"], "bind": ["a1", "a2"]},
        {"selector": "region=tw", "version": 2, "bind": "all"},
    ]


def test_start_and_wait(callboard: Callboard, office: BackOffice) -> None:
    """`--wait` is the exit code of the rollout, not of the order."""
    office.course = [RUNNING, BROKEN]
    result = callboard("--json", "deployments", "start", "welcome", "--nodes", "node-a", "--wait")
    assert result.exit_code == ExitCode.FAILED
    assert json.loads(result.stdout)["state"] == "failed"


@pytest.mark.parametrize("act", ["retry", "rollback"])
def test_again_or_back_and_wait(callboard: Callboard, office: BackOffice, act: str) -> None:
    """A way back that is ordered, and whose failure ends with 0, is taken for done by a pipeline."""
    office.course = [RUNNING, DONE]
    done = callboard("deployments", act, DEPLOYMENT, "--wait")
    assert done.exit_code == ExitCode.OK
    assert done.stdout.startswith(DEPLOYMENT + "\n") and "node-b" in done.stdout
    assert "2 of 2 verified" in done.stderr and "deployments watch" not in done.stderr
    office.course = [BROKEN]
    broken = callboard("deployments", act, DEPLOYMENT, "--wait", "--json")
    assert broken.exit_code == ExitCode.FAILED and "2 × failed: tests_failed: hello" in broken.stderr
    answer = json.loads(broken.stdout)
    assert (answer["deployments"][0] if act == "rollback" else answer)["state"] == "failed"
    office.course = [RUNNING]
    late = callboard("deployments", act, DEPLOYMENT, "--wait", "--timeout", "0.2")
    assert late.exit_code == ExitCode.FAILED and "is not final after 0.2 s" in late.stderr
    assert f"`callboard deployments watch {DEPLOYMENT}`" in callboard("deployments", act, DEPLOYMENT).stderr


@pytest.mark.parametrize("words", [[], ["--nodes", "a", "--selector", "b=c"], ["--nodes", " , "]])
def test_start_says_where_exactly_once(callboard: Callboard, office: BackOffice, words: list[str]) -> None:
    """An order without a target, or with two, must not be guessed at."""
    assert callboard("deployments", "start", "welcome", *words).exit_code == ExitCode.USAGE
    assert office.asked == []
