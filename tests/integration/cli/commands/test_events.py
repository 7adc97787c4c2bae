"""The stream of events: shown, filtered, taken up again, interrupted."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from services.cli.failures import ExitCode
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
    assert "connecting again" in result.stderr


def test_a_gap_is_told(callboard: Callboard, office: BackOffice) -> None:
    """A reader that does not know that it has missed something believes an old state."""
    office.streams = [[("", "stream.reset", '{"reason": "events were missed"}'), NODE, DELIVERY]]
    result = callboard("events", "tail", "-n", "1", "--types", "deploy.delivery.v1")
    assert "stream.reset: events were missed" in result.stderr
    assert "no space" in result.stdout


def test_a_refused_stream_is_not_tried_for_ever(callboard: Callboard) -> None:
    """A wrong token does not get right by waiting."""
    assert callboard("events", "tail", "--token", "wrong").exit_code == ExitCode.UNREACHABLE


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
    assert (tail.returncode, rest, errors) == (ExitCode.INTERRUPTED, "", "")
