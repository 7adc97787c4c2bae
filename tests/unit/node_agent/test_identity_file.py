"""What makes a machine a node, on its disk; and the agent that finds nothing there."""

import json
from pathlib import Path

import pytest

from services.node_agent.__main__ import main
from services.node_agent.domain.membership import NotJoined
from services.node_agent.joining import Ask, NotLetIn, request_of, taken
from services.node_agent.store.identity_file import CA, IDENTITY, JOINING, IdentityFile
from shared.contracts.enrolments import Enrolled, proof_of
from shared.signing import is_signed_by
from tests.support.agent.trusting import trusted, write_identity

ASK = Ask("https://origin.example", "cb-join-1", node_id="tokyo-1")
GIVEN = Enrolled(node_id="tokyo-1", token="a-token-of-this-node", keys=trusted(), ca="-----BEGIN CERTIFICATE-----\n")


def test_a_machine_asks_again_with_the_same_keys_until_it_is_in(tmp_path: Path) -> None:
    """A lost answer would lose the machine: its token is used, by keys that it does not have any more."""
    identity = IdentityFile(tmp_path / "state")
    first, again = request_of(ASK, identity), request_of(ASK, IdentityFile(tmp_path / "state"))
    assert first == again
    proof = proof_of(ASK.token, first["sealing_key"], first["signing_key"])
    assert is_signed_by(first["signing_key"], first["proof"], proof)
    membership = taken(ASK, identity, GIVEN.model_dump_json().encode())
    assert not isinstance(membership, NotLetIn) and identity.read() == membership
    assert not (tmp_path / "state" / JOINING).exists()
    assert request_of(ASK, identity)["sealing_key"] != first["sealing_key"]
    modes = {name: (tmp_path / "state" / name).stat().st_mode & 0o777 for name in (IDENTITY, CA)}
    assert set(modes.values()) == {0o600}


def test_an_answer_of_something_else_changes_nothing(tmp_path: Path) -> None:
    """A router's welcome page would make the machine forget who it is."""
    identity = IdentityFile(tmp_path)
    for answer in (b"<html>", b"{}", b'{"node_id": "tokyo-1"}'):
        assert isinstance(taken(ASK, identity, answer), NotLetIn)
    assert not identity.exists()


async def test_other_keys_are_there_after_a_restart(tmp_path: Path) -> None:
    """A node would go back to a retired key with every start, and take no order until it is told again."""
    write_identity(tmp_path, "tokyo-1", "amqp://user:secret-of-this-node@broker/")
    identity = IdentityFile(tmp_path)
    before = identity.read()
    await identity.keep(trusted(7))
    assert identity.read() == before.model_copy(update={"given": before.given.model_copy(update={"keys": trusted(7)})})


def test_secrets_are_in_no_print(tmp_path: Path) -> None:
    """Whatever is printed ends up in a log sooner or later."""
    membership = write_identity(tmp_path, "tokyo-1", "amqp://user:secret-of-this-node@broker/")
    for secret in ("secret-of-this-node", "a-token-of-this-node", membership.sealing_key):
        assert secret not in repr(membership)


@pytest.mark.parametrize("content", ["", "{", json.dumps({"url": "https://x"})])
def test_a_damaged_identity_is_told(tmp_path: Path, content: str) -> None:
    """A half-written file would be a traceback."""
    (tmp_path / IDENTITY).write_text(content)
    with pytest.raises(NotJoined, match="join again"):
        IdentityFile(tmp_path).read()


def test_an_agent_that_has_not_joined_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would try to connect as nobody, for ever."""
    for name, value in {"STATE_DIR": str(tmp_path), "TELEGRAM__API_ID": "1", "TELEGRAM__API_HASH": "h"}.items():
        monkeypatch.setenv(f"CALLBOARD_{name}", value)
    monkeypatch.setattr("sys.argv", ["callboard-agent", "run"])
    # It would be held in this process, for every test that comes after.
    monkeypatch.setattr("services.node_agent.__main__.hold_garbage", lambda: None)
    assert main() == 2
    told = capsys.readouterr().err
    assert "callboard-agent join" in told and "callboard nodes enroll" in told and "Traceback" not in told
    write_identity(tmp_path, "tokyo-1", "amqp://user:secret@broker/")
    monkeypatch.setenv("CALLBOARD_NODE_ID", "osaka-1")
    assert main() == 2
    assert "node 'tokyo-1'" in capsys.readouterr().err
