"""Letting machines in, cutting nodes off, and the keys that orders are signed with, at the command line."""

import json
from pathlib import Path

from services.cli.failures import ExitCode
from shared.http.problems import problem_response
from tests.integration.cli.commands.back_office import BackOffice
from tests.integration.cli.commands.conftest import Callboard


def test_enroll_prints_the_command_to_run_on_the_machine(
    callboard: Callboard, office: BackOffice, address: str
) -> None:
    """A token that has to be put into a command by hand is put in wrong."""
    result = callboard("nodes", "enroll", "--node-id", "tokyo-1", "--label", "site=tokyo", "--expires", "2h")
    assert result.stdout == f"callboard-agent join {address} cb-join-1\n"
    assert "node tokyo-1" in result.stderr and "good once" in result.stderr
    assert office.bodies[-1] == {"node_id": "tokyo-1", "labels": {"site": "tokyo"}, "valid_seconds": 7200}
    told = json.loads(callboard("nodes", "enroll", "--json").stdout)
    assert told["token"] == "cb-join-1" and told["command"].endswith("cb-join-1")
    assert office.bodies[-1] == {"node_id": None, "labels": {}, "valid_seconds": 86_400}


def test_what_makes_no_sense_is_refused_before_anything_is_asked(callboard: Callboard, office: BackOffice) -> None:
    """'invalid-request: body.valid_seconds' is no word of the command line."""
    for words, told in (
        (["--node-id", "Tokyo 1"], "no node id"),
        (["--label", "tokyo"], "--label tokyo"),
        (["--expires", "soon"], "--expires"),
    ):
        result = callboard("nodes", "enroll", *words)
        assert result.exit_code == ExitCode.REFUSED and told in result.stderr, result.stderr
    assert office.asked == []


def test_revoke_says_what_is_done_and_how_to_go_back(callboard: Callboard, office: BackOffice) -> None:
    """It is done in a hurry."""
    result = callboard("nodes", "revoke", "node-a")
    assert "node-a is cut off" in result.stdout and "callboard nodes enroll --node-id node-a" in result.stderr
    office.refusal = problem_response(404, "not-enrolled", "no node 'node-z' has ever joined")
    result = callboard("nodes", "revoke", "node-z")
    assert result.exit_code == ExitCode.NOT_FOUND and "has ever joined" in result.stderr


def test_keys_are_listed_and_rotated(callboard: Callboard, office: BackOffice) -> None:
    """A rotation that nobody can follow is repeated in the middle."""
    result = callboard("keys")
    assert "0123456789abcdef" in result.stdout and "current" in result.stdout and "serial 3" in result.stderr
    assert "every online node is told" in callboard("keys", "rotate").stderr
    assert ("POST", "/api/v1/group-ai/keys/rotate") in office.asked


def test_an_order_is_signed_to_be_pasted(callboard: Callboard, office: BackOffice, tmp_path: Path) -> None:
    """The management console takes the whole body, not a signature beside it."""
    order = tmp_path / "order.json"
    order.write_text('{"node_id": "tokyo-1"}')
    signed = json.loads(callboard("sign", str(order)).stdout)
    assert signed == {"node_id": "tokyo-1", "signature": {"key_id": "k", "value": "v"}}
    for content, told in (("[]", "no order"), ("{", "no JSON")):
        order.write_text(content)
        result = callboard("sign", str(order))
        assert result.exit_code == ExitCode.REFUSED and told in result.stderr
    order.write_bytes(b"\xff")
    for file, told in ((order, "it is no text in UTF-8"), (tmp_path / "nowhere.json", "No such file or directory")):
        assert callboard("sign", str(file)).stderr == f"callboard: {file} cannot be read: {told}\n"
