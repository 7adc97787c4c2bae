"""The stream of events: shown, filtered, taken up again, interrupted."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.failures import ExitCode
from shared.backoff import Backoff
from shared.http.problems import problem_response
from tests.integration.cli.commands.back_office import TOKEN, BackOffice
from tests.integration.cli.commands.conftest import Callboard

ROOT = Path(__file__).parents[4]
NODE = ("1", "fleet.node.v1", '{"node_id": "node-a", "status": "online", "account_count": 3}')
DELIVERY = (
    "2",
    "deploy.delivery.v1",
    '{"node_id": "node-a", "artifact": {"id": "welcome", "version": 3}, "state": "failed", "reason": "no space"}',
)


def test_events_as_sentences(callboard: Callboard, office: BackOffice) -> None:
    """Raw JSON scrolling by is not a view of the fleet."""
    office.streams = [[NODE, DELIVERY, ("3", "later.thing.v9", "{}")]]
    lines = callboard("events", "tail", "-n", "3").stdout.splitlines()
    assert lines[0].endswith("fleet.node.v1  node-a is online with 3 accounts")
    assert lines[1].endswith("deploy.delivery.v1  node-a welcome 3 failed: no space")
    assert lines[2].endswith("later.thing.v9  {}")


def test_events_as_json_lines(callboard: Callboard, office: BackOffice) -> None:
    """A program reads line by line while the stream goes on."""
    office.streams = [[NODE, DELIVERY]]
    result = callboard("events", "tail", "--types", "deploy.*", "-n", "1", "--json")
    assert json.loads(result.stdout) == {"id": "2", "type": DELIVERY[1], "data": json.loads(DELIVERY[2])}


def test_a_broken_stream_goes_on_where_it_was(callboard: Callboard, office: BackOffice) -> None:
    """Without Last-Event-ID everything between the two connections is lost."""
    office.streams = [[NODE], [DELIVERY]]
    result = callboard("events", "tail", "-n", "2")
    assert result.exit_code == ExitCode.OK
    assert office.resumed_from == ["", "1"]
    assert len(result.stdout.splitlines()) == 2
    connected, broken, again = result.stderr.splitlines()
    assert connected.startswith("connected to http://127.0.0.1:")
    assert broken == "the stream of events has ended; connecting again"
    assert again == "connected again: it goes on after the last event above"


def test_a_gap_is_told(callboard: Callboard, office: BackOffice) -> None:
    """A reader that does not know that it has missed something believes an old state."""
    office.streams = [[("", "stream.reset", '{"reason": "read the state again"}'), NODE, DELIVERY]]
    result = callboard("events", "tail", "-n", "1", "--types", "deploy.delivery.v1")
    assert "here events are missing" in result.stderr
    assert "callboard nodes" in result.stderr
    assert "no space" in result.stdout


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("stream.closed", "the registry stops; connecting again"),
        ("stream.dropped", "events came faster than they were read here; connecting again"),
    ],
)
def test_an_end_says_why(callboard: Callboard, office: BackOffice, kind: str, said: str) -> None:
    """An end without its reason looks like a fault of the network."""
    office.streams = [[(*NODE,), ("", kind, '{"reason": "connect again"}')], [DELIVERY]]
    assert said in callboard("events", "tail", "-n", "2").stderr.splitlines()


def test_an_outage_is_told_once_however_often_it_is_tried(
    callboard: Callboard, office: BackOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line for every try pushes the events out of the window."""
    monkeypatch.setattr("services.cli.tail.AGAIN", Backoff(first=0.001, most=0.001))
    office.streams = [[], [], [], [DELIVERY]]
    result = callboard("events", "tail", "-n", "1")
    assert result.stderr.count("the stream of events has ended; connecting again") == 3
    away = problem_response(503, "upstream-away", "the registry is away, nothing was changed: see in its log")
    office.refusals = [None, away, away, away]
    office.streams = [[NODE], [DELIVERY]]
    result = callboard("events", "tail", "-n", "2")
    assert result.stderr.count("the registry is away, nothing was changed; connecting again") == 1


def test_types_that_cannot_be_or_are_not_known(callboard: Callboard, office: BackOffice) -> None:
    """A misspelt type would be waited for without end."""
    result = callboard("events", "tail", "--types", "Foo Bar")
    assert result.exit_code == ExitCode.REFUSED
    assert "fleet.node.v1" in result.stderr
    assert office.asked == []
    office.streams = [[("1", "fleet.nodes.v9", "{}")]]
    result = callboard("events", "tail", "--types", "fleet.nodes.*", "-n", "1")
    assert result.exit_code == ExitCode.OK
    assert "no event that is known here is called 'fleet.nodes.*': there are fleet.node.v1" in result.stderr


def test_a_refused_stream_is_not_tried_for_ever(callboard: Callboard) -> None:
    """A wrong token does not get right by waiting."""
    result = callboard("events", "tail", "--token", "wrong")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "does not take the token from --token" in result.stderr


def test_ctrl_c_is_quiet(office: BackOffice, address: str) -> None:
    """Ctrl-C is how one leaves a tail: a traceback would look like a fault."""
    office.streams, office.stays_open = [[NODE]], True
    environment = {**os.environ, "CALLBOARD_URL": address, "CALLBOARD_TOKEN": TOKEN}
    command = [sys.executable, "-m", "services.cli", "events", "tail"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tail:
        assert tail.stdout is not None
        assert "node-a is online" in tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        rest, errors = tail.communicate(timeout=10)
    assert (tail.returncode, rest) == (ExitCode.INTERRUPTED, "")
    assert errors == f"connected to {address}: changes are shown as they happen; Ctrl-C ends it\n"
