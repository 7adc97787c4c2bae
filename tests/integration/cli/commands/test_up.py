"""What `callboard up` hands to the stack; that the stack runs is the system tests' matter."""

from pathlib import Path

import pytest

from services.cli.failures import ExitCode
from services.cli.stack import StackOptions
from tests.integration.cli.commands.conftest import Callboard


def test_up_starts_the_stack_as_it_was_told(alone: Callboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home or a broker that gets lost starts a second Callboard beside the one that was meant."""
    started: list[tuple[Path, StackOptions]] = []

    def run_stack(home: Path, options: StackOptions) -> int:
        started.append((home, options))
        return 0

    monkeypatch.setattr("services.cli.stack.run_stack", run_stack)
    assert alone("up", "--port", "9090", "--home", "/srv/board", "--plain").exit_code == 0
    monkeypatch.setenv("CALLBOARD_HOME", "/var/lib/board")
    monkeypatch.setenv("CALLBOARD_AMQP_URL", "amqp://broker/")
    assert alone("up").exit_code == 0
    assert started == [
        (Path("/srv/board"), StackOptions(console_port=9090, plain=True)),
        (Path("/var/lib/board"), StackOptions(amqp_url="amqp://broker/")),
    ]


def test_a_stack_that_cannot_start_is_a_failure(alone: Callboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervisor restarts by the exit code; a start that failed must not look like a stop that was asked for."""
    monkeypatch.setattr("services.cli.stack.run_stack", lambda home, options: 1)
    assert alone("up").exit_code == 1


def test_a_port_that_is_taken_is_refused_before_anything_starts(alone: Callboard, address: str, tmp_path: Path) -> None:
    """A console that moves silently is waited for at the port that was asked for."""
    port = address.rpartition(":")[2]
    result = alone("up", "--port", port, "--home", str(tmp_path / "home"))
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.startswith(f"callboard: port {port}, which --port asks for, is taken by another program: ")
    assert [entry.name for entry in (tmp_path / "home").iterdir()] == ["up.lock"]


def test_a_home_that_is_a_file_is_refused(alone: Callboard, tmp_path: Path) -> None:
    """A slip in --home is the operator's, and must not be called a fault of Callboard."""
    (tmp_path / "notes.txt").write_text("")
    result = alone("up", "--home", str(tmp_path / "notes.txt"))
    assert result.exit_code == ExitCode.USAGE
    assert "notes.txt cannot be Callboard's home: it is a file" in result.stderr
