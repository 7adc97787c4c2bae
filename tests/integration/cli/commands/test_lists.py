"""Nodes, accounts and dead letters: tables, JSON, pages, and what is not there."""

import json

import pytest

from services.cli.failures import ExitCode
from shared.http.problems import problem_response
from tests.integration.cli.commands.back_office import BackOffice, account, node
from tests.integration.cli.commands.conftest import Callboard


def test_nodes_as_a_table(callboard: Callboard, office: BackOffice) -> None:
    """The first look at the fleet: a column that is empty hides what it is for."""
    office.nodes = [node("node-a"), node("node-b", status="offline", artifacts=[], labels={})]
    lines = callboard("nodes").stdout.splitlines()
    assert lines[0].split()[:4] == ["node", "status", "source", "accounts"]
    assert "welcome 2" in lines[1]
    assert "region=tw" in lines[1]
    assert lines[2].split()[:2] == ["node-b", "offline"]


def test_an_empty_list_says_so_beside_the_answer(callboard: Callboard) -> None:
    """A script that counts lines must count none."""
    result = callboard("nodes", "list")
    assert (result.exit_code, result.stdout) == (ExitCode.OK, "")
    assert "no node" in result.stderr


def test_one_node_with_all_that_is_known(callboard: Callboard, office: BackOffice) -> None:
    """A field that the API adds must be seen without a new client."""
    office.nodes = [node("node-a", favourite_colour="blue")]
    shown = callboard("nodes", "show", "node-a").stdout
    assert "favourite_colour" in shown
    assert "tests_passed" in shown


def test_one_that_is_not_there(callboard: Callboard) -> None:
    """Exit code 4 tells a script that a node is gone, apart from an outage."""
    result = callboard("nodes", "show", "node-z")
    assert result.exit_code == ExitCode.NOT_FOUND
    assert result.stderr == "callboard: there is no node 'node-z'\n"


def test_filters_reach_the_registry(callboard: Callboard, office: BackOffice) -> None:
    """A filter that is lost shows accounts of other nodes as this one's."""
    words = ["--node", "node-a", "--status", "error", "--source", "local", "--script", "welcome", "-q", "886"]
    callboard("accounts", "list", *words)
    assert office.bodies == [
        {"node_id": "node-a", "status": "error", "source": "local", "script_id": "welcome", "q": "886"}
    ]


def test_all_pages(callboard: Callboard, office: BackOffice) -> None:
    """A list that ends with the first page hides the rest of the fleet."""
    office.accounts = [account(f"acc-{n}") for n in range(1203)]
    items = json.loads(callboard("accounts", "list", "--all", "--json").stdout)["items"]
    assert [one["account_id"] for one in items] == [f"acc-{n}" for n in range(1203)]


def test_a_limit_says_that_there_are_more(callboard: Callboard, office: BackOffice) -> None:
    """A list that is cut without a word is taken for the whole."""
    office.accounts = [account(f"acc-{n}") for n in range(30)]
    result = callboard("accounts", "list", "--limit", "7")
    assert len(result.stdout.splitlines()) == 8
    assert "there are more" in result.stderr


def test_a_long_value_is_whole_in_a_pipe(callboard: Callboard, office: BackOffice) -> None:
    """`callboard accounts | grep` must find what is there."""
    office.accounts = [account("acc-1", status="error", status_reason="why " * 60 + "the end")]
    assert "the end" in callboard("accounts").stdout


def test_what_a_node_reports_does_not_steer_the_terminal(callboard: Callboard, office: BackOffice) -> None:
    """A reason with escape sequences or markup could repaint the operator's screen."""
    office.accounts = [account("acc-1", status_reason="\x1b[2J[red]gone[/red]\r\n")]
    shown = callboard("accounts").stdout
    assert "\x1b" not in shown
    assert "\\x1b[2J[red]gone[/red]\\x0d" in shown


def test_dead_letters_one_by_one(callboard: Callboard, office: BackOffice) -> None:
    """When the second of three fails, the operator must know that the first is done."""
    office.letters = [{"id": "7", "type": "node.delivery.v1", "reason": "not JSON"}]
    assert "not JSON" in callboard("dead").stdout
    result = callboard("dead", "drop", "7", "8", "9")
    assert (result.exit_code, result.stdout) == (ExitCode.NOT_FOUND, "7 dropped\n")
    assert ("DELETE", "/api/v1/dead-letters/9") not in office.asked
    replayed = callboard("dead", "replay", "7", "--json")
    assert json.loads(replayed.stdout) == {"replayed": ["7"]}
    assert ("POST", "/api/v1/dead-letters/7/replay") in office.asked


def test_more_dead_letters_than_asked_for(callboard: Callboard, office: BackOffice) -> None:
    """A queue has no pages; a list that fills its limit must not look like all there is."""
    office.letters = [{"id": str(n)} for n in range(3)]
    result = callboard("dead", "list", "--limit", "2")
    assert len(result.stdout.splitlines()) == 3
    assert "there may be more" in result.stderr


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (415, ExitCode.REFUSED),
        (409, ExitCode.REFUSED),
        (422, ExitCode.REFUSED),
        (500, ExitCode.FAILED),
        (503, ExitCode.UNREACHABLE),
    ],
)
def test_problems_become_sentences_and_codes(
    callboard: Callboard, office: BackOffice, status: int, code: ExitCode
) -> None:
    """Scripts decide by the code, people by the sentence; each field's complaint has its own line."""
    errors = [{"field": "body.node_ids.0", "message": "is not a node id"}]
    office.refusal = problem_response(status, "odd", "this cannot be", errors)
    result = callboard("nodes")
    assert result.exit_code == code
    assert result.stderr == "callboard: this cannot be\n  body.node_ids.0: is not a node id\n"


def test_a_fault_of_our_own_is_one_sentence(
    callboard: Callboard, office: BackOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback tells an operator nothing; with CALLBOARD_DEBUG=1 it tells us everything."""
    office.nodes = [node("node-a", artifacts=[17])]
    result = callboard("nodes")
    assert result.exit_code == ExitCode.FAILED
    assert "fault of Callboard" in result.stderr
    assert "Traceback" not in result.stderr
    monkeypatch.setenv("CALLBOARD_DEBUG", "1")
    assert isinstance(callboard("nodes").exception, AttributeError)


def test_usage_and_version(callboard: Callboard) -> None:
    """Wrong words are exit code 2, told apart from everything that happened for real."""
    assert callboard("nodes", "list", "--limit", "x").exit_code == ExitCode.USAGE
    assert callboard("nodes", "shout").exit_code == ExitCode.USAGE
    assert callboard("--version").stdout.startswith("callboard")
    assert "Exit codes: 0 done" in callboard("--help").stdout
