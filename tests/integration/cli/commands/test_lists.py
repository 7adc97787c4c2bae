"""Nodes, accounts and dead letters: tables, JSON, pages, and what is not there."""

import errno
import json

import pytest

from services.cli.failures import ExitCode
from shared.http.problems import problem_response
from tests.integration.cli.commands.back_office import DEPLOYMENT, BackOffice, account, node
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


@pytest.mark.parametrize(
    "words",
    [
        ("nodes", "show", "node-z"),
        ("accounts", "show", "acc-z"),
        ("accounts", "show", "acc-z", "--node", "node-z"),
        ("scripts", "show", "none"),
        ("deployments", "start", "none", "--nodes", "node-a"),
        ("deployments", "show", DEPLOYMENT),
        ("deployments", "watch", DEPLOYMENT),
        ("drift", "adopt", "node-z", "welcome"),
        ("drift", "overwrite", "node-z", "welcome"),
        ("dead", "show", f"dl_{7:032x}"),
        ("dead", "drop", f"dl_{7:032x}"),
    ],
)
def test_one_that_is_not_there(callboard: Callboard, office: BackOffice, words: tuple[str, ...]) -> None:
    """Exit code 4 tells a script that it is gone, apart from an outage; a person is told in words of this program."""
    office.refusal = problem_response(404, "unknown-thing", "there is none; GET /api/v1/things lists all")
    result = callboard(*words)
    assert result.exit_code == ExitCode.NOT_FOUND
    assert words[2] in result.stderr
    assert "/api/" not in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("nodes", "show", "a.b"),
        ("accounts", "show", "a/b"),
        ("accounts", "show", ".."),
        ("accounts", "--node", "Node A"),
        ("accounts", "list", "--script", "X"),
        ("scripts", "show", "A B"),
        ("deployments", "show", "nope"),
        ("deployments", "watch", "nope"),
        ("deployments", "start", "A B", "--nodes", "node-a"),
        ("deployments", "start", "welcome", "--nodes", "node-a,b.c"),
        ("deployments", "start", "welcome", "--nodes", "node-a", "--bind", "a b"),
        ("drift", "list", "--node", "a.b"),
        ("drift", "adopt", "a.b", "welcome"),
        ("drift", "overwrite", "node-a", "A B"),
        ("dead", "show", "xx"),
        ("dead", "drop", f"dl_{7:032x}", "xx"),
    ],
)
def test_an_id_of_another_form_is_refused_before_anything_is_asked(
    callboard: Callboard, office: BackOffice, words: tuple[str, ...]
) -> None:
    """`There is no deployment 'nope'` lets an operator look for it; and half of two letters must not be dropped."""
    result = callboard(*words)
    assert result.exit_code == ExitCode.REFUSED
    assert " id, which is " in result.stderr
    assert office.asked == []


@pytest.mark.parametrize("words", [("accounts", "--node", "node-a"), ("accounts", "list", "--node", "node-a")])
def test_a_groups_bare_name_is_its_list(callboard: Callboard, office: BackOffice, words: tuple[str, ...]) -> None:
    """A filter that only one of two lists knows is looked up each time it is used."""
    callboard(*words)
    assert office.bodies == [{"node_id": "node-a"}]


def test_a_bare_group_takes_everything_that_its_list_takes(callboard: Callboard, office: BackOffice) -> None:
    """Options of the group, of its list, help and slips must all end where they would with `list`."""
    office.nodes = [node(f"node-{n}") for n in range(3)]
    assert len(json.loads(callboard("nodes", "--json", "--limit", "2").stdout)["items"]) == 2
    assert "there are more" in callboard("nodes", "--limit", "2").stderr
    assert callboard("nodes", "--limit", "x").exit_code == ExitCode.USAGE
    assert "No such command 'lst'" in callboard("nodes", "lst").stderr
    assert "requires an argument" in callboard("nodes", "--url").stderr
    assert "show" in callboard("nodes", "--help").stdout
    assert callboard("nodes", "-h").stdout == callboard("nodes", "--help").stdout


@pytest.mark.parametrize("group", ["nodes", "accounts", "deployments"])
def test_a_name_behind_a_group_is_told_how_to_see_it(callboard: Callboard, group: str) -> None:
    """`callboard nodes tokyo-1` is what one tries first; 'no such command' does not say what shows it."""
    result = callboard(group, "tokyo-1")
    assert result.exit_code == ExitCode.USAGE
    assert f"No such command 'tokyo-1': `callboard {group} show tokyo-1` shows the one of this name." in result.stderr
    assert "Did you mean 'show'?" in callboard(group, "shwo").stderr
    assert "No such command 'tokyo-1'.\n" in callboard("audit", "tokyo-1").stderr


@pytest.mark.parametrize(
    "words",
    [("accounts", "--node", "node-z"), ("accounts", "assignments", "--node", "node-z"), ("drift", "--node", "node-z")],
)
def test_a_list_of_a_node_that_there_is_not(callboard: Callboard, office: BackOffice, words: tuple[str, ...]) -> None:
    """'No account matches', of a misspelt node, reads as if the node had none."""
    office.nodes = [node("node-y")]
    for form in ([], ["--json"]):
        result = callboard(*words, *form)
        assert (result.exit_code, result.stdout) == (ExitCode.NOT_FOUND, "")
        assert result.stderr == "callboard: there is no node 'node-z': `callboard nodes` shows which there are\n"
    assert callboard(*words[:-1], "node-y").exit_code == ExitCode.OK


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
    first, second, third = (f"dl_{number:032x}" for number in (7, 8, 9))
    office.letters = [{"id": first, "type": "node.delivery.v1", "reason": "not JSON"}]
    assert "not JSON" in callboard("dead").stdout
    result = callboard("dead", "drop", first, second, third)
    assert (result.exit_code, result.stdout) == (ExitCode.NOT_FOUND, f"{first} dropped\n")
    assert ("DELETE", f"/api/v1/dead-letters/{third}") not in office.asked
    replayed = callboard("dead", "replay", first, "--json")
    assert json.loads(replayed.stdout) == {"replayed": [first]}
    assert ("POST", f"/api/v1/dead-letters/{first}/replay") in office.asked


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
    """Scripts decide by the code, people by the sentence; each complaint names the option, not the request's field."""
    errors = [{"field": "body.node_ids.0", "message": "is not a node id"}]
    office.refusal = problem_response(status, "odd", "this cannot be", errors)
    result = callboard("nodes")
    assert result.exit_code == code
    assert result.stderr == "callboard: this cannot be\n  --nodes: is not a node id\n"
    office.refusal = problem_response(status, "odd", "body.node_ids.0: is not a node id (and 1 more)", errors)
    assert callboard("nodes").stderr == "callboard: --nodes: is not a node id\n"


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


def test_what_the_machine_refuses_is_no_fault_of_ours(callboard: Callboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk that is called a fault of Callboard is reported to the wrong people."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/srv/board")

    monkeypatch.setattr("services.cli.client.Client.listing", full)
    result = callboard("nodes")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr == "callboard: this machine refuses: /srv/board: No space left on device\n"


def test_usage_and_version(callboard: Callboard) -> None:
    """Wrong words are exit code 2, told apart from everything that happened for real."""
    assert callboard("nodes", "list", "--limit", "x").exit_code == ExitCode.USAGE
    assert callboard("nodes", "shout").exit_code == ExitCode.USAGE
    unquoted = callboard("deployments", "start", "x", "--selector", "all", "--stop", "20%", "then", "pause")
    assert unquoted.exit_code == ExitCode.USAGE
    assert "unexpected words (then pause): a text with blanks in it needs quotes" in unquoted.stderr
    assert "'online', 'offline'" in callboard("nodes", "--status", "asleep").stderr
    assert callboard("--version").stdout.startswith("callboard")
    assert "Exit codes: 0 done" in callboard("--help").stdout
