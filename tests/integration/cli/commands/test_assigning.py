"""Assigning accounts and draining nodes, as an operator does it."""

import json
from typing import Any

import pytest

from services.cli.failures import ExitCode
from shared.http.problems import problem_response
from tests.integration.cli.commands.back_office import BackOffice, account, node
from tests.integration.cli.commands.conftest import Callboard

ASSIGNMENT = "/api/v1/group-ai/accounts/support_1/assignment"
DRAIN = "/api/v1/workers/tokyo-1/drain"


def assignment(state: str, node_id: str | None = "tokyo-1", epoch: int = 1, **more: Any) -> dict[str, Any]:
    """An assignment as the registry shows it."""
    basis = {"account_id": "support_1", "state": state, "node_id": node_id, "epoch": epoch, "target": None}
    return basis | {"reason": None, "since": "2026-01-01T00:00:00+00:00"} | more


def drained(assigned: int, leaving: int, *without_place: str) -> dict[str, Any]:
    """How far a drain is."""
    left = [{"account_id": each, "reason": "the nodes that fit are full"} for each in without_place]
    return {"node_id": "tokyo-1", "draining": True, "assigned": assigned, "leaving": leaving, "without_place": left}


def test_a_move_is_ordered_and_told(callboard: Callboard, office: BackOffice) -> None:
    """An operator who is told 'assigned' too early switches the old machine off with the login on it."""
    office.assignments = [assignment("releasing", target="osaka-2")]
    result = callboard("accounts", "assign", "support_1", "osaka-2")
    assert result.stdout == "support_1: on its way from tokyo-1 to osaka-2\n"
    assert (office.asked[-1], office.bodies[-1]) == (("POST", ASSIGNMENT), {"node_id": "osaka-2"})
    shown = callboard("accounts", "assign", "support_1", "osaka-2", "--json")
    assert json.loads(shown.stdout)["target"] == "osaka-2"


def test_waiting_ends_when_the_account_runs_there(callboard: Callboard, office: BackOffice) -> None:
    """Assigned is not online: the login is still on its way."""
    office.assignments = [
        assignment("releasing", target="osaka-2"),
        assignment("releasing", target="osaka-2"),
        assignment("assigned", "osaka-2", 2),
    ]
    report = account("support_1", node_id="osaka-2")
    office.reports = [report | {"epoch": 1}, report | {"epoch": 2, "status": "connecting"}, report | {"epoch": 2}]
    result = callboard("accounts", "assign", "support_1", "osaka-2", "--wait")
    assert (result.exit_code, result.stdout) == (ExitCode.OK, "support_1: online on osaka-2\n")
    assert result.stderr.splitlines() == [
        "support_1: on its way from tokyo-1 to osaka-2",
        "support_1: waits for its login on osaka-2",
        "support_1: connecting on osaka-2",
    ]


def test_waiting_ends_when_the_account_cannot_run_there(callboard: Callboard, office: BackOffice) -> None:
    """A dead login would be waited for in vain."""
    office.assignments = [assignment("assigned", "osaka-2", 2)]
    office.reports = [account("support_1", epoch=2, status="error", status_reason="Telegram has ended this login")]
    result = callboard("accounts", "assign", "support_1", "osaka-2", "--wait")
    assert result.exit_code == ExitCode.FAILED
    assert "does not run there (Telegram has ended this login)" in result.stderr


def test_a_release_is_waited_for(callboard: Callboard, office: BackOffice) -> None:
    """The login may be taken elsewhere only when its node has let go of it."""
    office.assignments = [assignment("releasing"), assignment("releasing"), assignment("unassigned", None)]
    result = callboard("accounts", "release", "support_1", "--wait")
    assert (result.exit_code, result.stdout) == (ExitCode.OK, "support_1: on no node\n")
    assert "on its way from tokyo-1 to the vault" in result.stderr
    assert office.asked[0] == ("DELETE", ASSIGNMENT)


@pytest.mark.parametrize(
    ("status", "slug", "code"), [(404, "unknown-node", ExitCode.NOT_FOUND), (409, "node-full", ExitCode.REFUSED)]
)
def test_a_refusal_says_what_helps(
    callboard: Callboard, office: BackOffice, status: int, slug: str, code: ExitCode
) -> None:
    """Whether the node or the account is wrong, and what to do, is all that an operator asks."""
    office.refusal = problem_response(status, slug, "node 'osaka-2': it is full: raise its capacity")
    result = callboard("accounts", "assign", "support_1", "osaka-2")
    assert (result.exit_code, result.stderr) == (code, "callboard: node 'osaka-2': it is full: raise its capacity\n")


def test_assignments_are_listed(callboard: Callboard, office: BackOffice) -> None:
    """Accounts that are on no node are in no other list."""
    office.assignments = [assignment("unassigned", None, 0, reason="its login is in the vault")]
    lines = callboard("accounts", "assignments", "--state", "unassigned", "--node", "tokyo-1").stdout.splitlines()
    assert "its login is in the vault" in lines[1]
    assert office.bodies[-1] == {"state": "unassigned", "node_id": "tokyo-1"}


def test_policies_are_set_and_told(callboard: Callboard, office: BackOffice) -> None:
    """What happens at night has to be understood by day."""
    office.assignments = [assignment("assigned")]
    told = callboard("accounts", "policy", "support_1", "--takeover", "node").stdout
    assert (told, office.bodies[-1]) == (
        "support_1 does what is said of its node when its node is dead\n",
        {"takeover": None},
    )
    office.nodes = [node("tokyo-1", takeover="move", capacity=None)]
    told = callboard("nodes", "policy", "tokyo-1", "--capacity", "50").stdout
    assert told == "tokyo-1 takes at most 50 accounts; when it is dead, an account moves to another node\n"
    assert office.bodies[-1] == {"takeover": "move", "capacity": 50}, "what is not named stays as it is"
    assert callboard("nodes", "policy", "tokyo-1").stdout.startswith("tokyo-1 takes as many accounts as")
    assert callboard("nodes", "policy", "tokyo-1", "--capacity", "many").exit_code == ExitCode.REFUSED


def test_a_drain_says_what_has_no_place(callboard: Callboard, office: BackOffice) -> None:
    """A machine would be switched off with accounts on it."""
    office.drains = [drained(2, 1, "a", "b")]
    result = callboard("nodes", "drain", "tokyo-1", "--keep", "site", "--keep", "rack")
    assert result.stdout == "tokyo-1: 2 accounts to be sent away, 1 on their way\n"
    assert "without a place: a, b: the nodes that fit are full" in result.stderr
    assert (office.asked[-1], office.bodies[-1]) == (("POST", DRAIN), {"keep": ["site", "rack"]})


def test_a_drain_is_waited_for_and_ended(callboard: Callboard, office: BackOffice) -> None:
    """`nodes drain --wait && poweroff` is what it is for."""
    office.drains = [drained(2, 1), drained(1, 1), drained(0, 0)]
    result = callboard("nodes", "drain", "tokyo-1", "--wait")
    assert (result.exit_code, result.stdout) == (ExitCode.OK, "tokyo-1 has no accounts\n")
    assert "1 accounts to be sent away" in result.stderr
    assert callboard("nodes", "undrain", "tokyo-1").stdout == "tokyo-1 takes accounts again: it has 0\n"
    assert office.asked[-1] == ("DELETE", DRAIN)


def test_a_node_that_is_drained_is_listed_as_such(callboard: Callboard, office: BackOffice) -> None:
    """Its emptiness would look like a fault."""
    office.nodes = [node("tokyo-1", draining=True)]
    assert "online, draining" in callboard("nodes").stdout
    office.accounts = [account("a", assigned_to="osaka-2"), account("b", assigned_to="node-a", target="osaka-2")]
    lines = callboard("accounts").stdout.splitlines()
    assert "osaka-2" in lines[1] and "node-a, then osaka-2" in lines[2]
