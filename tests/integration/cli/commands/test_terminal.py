"""The command line on a real terminal of a given width, and through a pipe."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cli.commands.back_office import DEPLOYMENT, HASH, TOKEN, BackOffice, deployment, node

ROOT = Path(__file__).parents[4]


def on_terminal(width: int, address: str, *words: str) -> list[str]:
    """What `callboard …` shows on a terminal of `width` columns, line by line as it was written."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(width), "TERM": "xterm", "CALLBOARD_URL": address}
    command = [sys.executable, "-m", "services.cli", *words]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment | {"CALLBOARD_TOKEN": TOKEN}, stdout=follower, stderr=follower
    ) as child:
        os.close(follower)
        shown = read_to_the_end(leader)
    assert child.returncode == 0, shown
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).splitlines()


def read_to_the_end(leader: int) -> str:
    """Everything that is written to the terminal until its last writer has gone."""
    shown = b""
    with os.fdopen(leader, "rb", buffering=0) as terminal:
        while True:
            try:
                chunk = terminal.read(65_536)
            except OSError:  # Linux's end of a terminal that nobody holds any more.
                break
            if not chunk:
                break
            shown += chunk
    return shown.decode()


@pytest.mark.parametrize("width", [80, 60])
def test_ids_and_hashes_are_whole_on_a_narrow_terminal(office: BackOffice, address: str, width: int) -> None:
    """An id that is broken into pieces cannot be copied into the next command."""
    office.nodes = [node("node-a")]
    office.course = [deployment("failed", ("node-a", "failed", "there is no space left on this device " * 3))]
    shown = on_terminal(width, address, "deployments", "show", DEPLOYMENT)
    assert any(DEPLOYMENT in line for line in shown)
    assert max(map(len, shown)) <= width
    assert any(HASH in line for line in on_terminal(width, address, "nodes", "show", "node-a"))


def test_columns_that_have_no_room_are_named(office: BackOffice, address: str) -> None:
    """A table that is cut without a word is taken for the whole."""
    office.nodes = [node("node-a")]
    shown = on_terminal(60, address, "nodes")
    assert shown[0].split()[:2] == ["node", "status"]
    assert max(map(len, shown)) <= 60
    assert "too narrow for: agent, source" in " ".join(shown)


def test_a_pipe_has_no_width(office: BackOffice, address: str) -> None:
    """`COLUMNS=40 callboard nodes | grep` must find what is there."""
    office.nodes = [node("node-a")]
    environment = {**os.environ, "COLUMNS": "40", "CALLBOARD_URL": address, "CALLBOARD_TOKEN": TOKEN}
    ran = subprocess.run(
        [sys.executable, "-m", "services.cli", "nodes"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    heading, row = ran.stdout.splitlines()
    assert heading.split()[-1] == "heartbeat"
    assert "node-a.example" in row
    assert ran.stderr == ""
