"""What `--help` shows of the commands of a group."""

import pytest
from typer.testing import CliRunner

from services.cli.app import build_app

GROUPS = (
    "nodes",
    "accounts",
    "scripts",
    "deployments",
    "drift",
    "servers",
    "sessions",
    "keys",
    "events",
    "dead",
    "tokens",
    "audit",
    "sandbox",
)


@pytest.mark.parametrize("words", [[], *([group] for group in GROUPS)])
def test_a_list_of_commands_has_whole_sentences(words: list[str]) -> None:
    """A sentence that is cut at eighty columns ends before it says what the command does."""
    shown = CliRunner().invoke(build_app(), [*words, "--help"], prog_name="callboard", env={"COLUMNS": "80"}).stdout
    usage, *commands = shown.splitlines()
    assert usage.startswith("Usage: callboard") and "Commands:" in commands
    assert [line for line in commands if line.endswith("...")] == []
