"""Drift as the command line shows and settles it."""

import json
from typing import Any

from services.cli.failures import ExitCode
from shared.http.problems import problem_response
from tests.integration.cli.commands.back_office import HASH, BackOffice, node
from tests.integration.cli.commands.conftest import Callboard


def drifted(**more: Any) -> dict[str, Any]:
    """A difference as the deployer lists it."""
    return {
        "node_id": "node-a",
        "script_id": "welcome",
        "state": "drifted",
        "kind": "missing",
        "reason": "the node no longer runs it",
        "since": "2026-01-01T00:00:00+00:00",
        "policy": "repair",
        "desired": {"version": 2, "hash": HASH},
        "found": None,
        "repairs": 1,
        **more,
    }


def test_the_list_says_what_is_wrong_where(callboard: Callboard, office: BackOffice) -> None:
    """The operator's first question after an alarm."""
    newer = drifted(node_id="node-b", state="newer", kind=None, found={"version": 9, "hash": HASH})
    office.drift = [drifted(), newer]
    lines = callboard("drift").stdout.splitlines()
    assert lines[0].split()[:4] == ["node", "script", "state", "kind"]
    assert "the node no longer runs it" in lines[1] and "2 abababab" in lines[1]
    assert "newer" in lines[2] and "9 abababab" in lines[2]
    callboard("drift", "list", "--node", "node-b", "--script", "welcome", "--kind", "missing")
    assert office.bodies[-1] == {"node_id": "node-b", "script_id": "welcome", "kind": "missing"}
    assert json.loads(callboard("drift", "--json").stdout)["items"] == office.drift


def test_no_drift_is_said_beside_the_answer(callboard: Callboard) -> None:
    """Silence would be taken for an outage."""
    result = callboard("drift")
    assert (result.exit_code, result.stdout) == (ExitCode.OK, "")
    assert "every node has what was verified on it" in result.stderr


def test_adopting_and_overwriting_say_what_is_desired_now(callboard: Callboard, office: BackOffice) -> None:
    """Two words that are easily taken for each other."""
    office.drift = [drifted()]
    assert "as the node has it" in callboard("drift", "adopt", "node-a", "welcome").stdout
    assert "version 2 abababab is ordered" in callboard("drift", "overwrite", "node-a", "welcome").stdout
    prefix = "/api/v1/group-ai/script-deployment/drift/node-a/welcome"
    assert office.asked[-2:] == [("POST", f"{prefix}/adopt"), ("POST", f"{prefix}/overwrite")]


def test_what_cannot_be_settled_is_told_in_the_deployers_words(callboard: Callboard, office: BackOffice) -> None:
    """'Conflict' is no advice."""
    office.refusal = problem_response(409, "not-possible", "not stored here: push that script again, then adopt it")
    result = callboard("drift", "adopt", "node-a", "welcome")
    assert result.exit_code != ExitCode.OK and "push that script again" in result.stderr


def test_a_node_is_shown_with_its_drift(callboard: Callboard, office: BackOffice) -> None:
    """Who looks at a node wants to know whether it is as it should be."""
    office.nodes = [node("node-a")]
    office.drift = [drifted(), drifted(node_id="node-b")]
    shown = callboard("nodes", "show", "node-a")
    assert "the node no longer runs it" in shown.stdout
    assert len(json.loads(callboard("nodes", "show", "node-a", "--json").stdout)["drift"]) == 1


def test_a_node_is_shown_without_the_deployer(callboard: Callboard, office: BackOffice) -> None:
    """An outage of one service would hide what the other one knows."""
    office.nodes = [node("node-a")]
    office.refusals = [None, problem_response(503, "unavailable", "the database is away")]
    shown = callboard("nodes", "show", "node-a")
    assert shown.exit_code == ExitCode.OK and "node-a.example" in shown.stdout
    assert "is not known" in shown.stderr


def test_a_deployment_says_what_it_wants_done_about_drift(callboard: Callboard, office: BackOffice) -> None:
    """Without the option the policy could only be set by hand-made requests."""
    callboard("deployments", "start", "welcome", "--nodes", "node-a", "--drift", "report")
    assert office.bodies[-1]["rollout"] == {"drift": "report"}
