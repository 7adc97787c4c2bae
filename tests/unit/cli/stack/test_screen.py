"""What the operator is shown."""

import io
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from rich.console import Console

from services.cli.connection_file import KeptConnection, Management
from services.cli.output import redraws
from services.cli.stack.events import Crashed, Ready, Starting
from services.cli.stack.fleet import Away, Summary
from services.cli.stack.screen import LiveScreen, PlainScreen, Row, Screen, last_rows, program, sign_in_rows

TOKEN, PASSWORD = "t" * 43, "p" * 43
MANAGEMENT = Management("http://127.0.0.1:15672", "callboard", PASSWORD)
CONNECTION = KeptConnection("http://127.0.0.1:8080", TOKEN, MANAGEMENT)
SUMMARY = Summary({"online": 2}, {"online": 5, "error": 1}, messages=12, replies=7, deployments=1)
HOME = Path("/a/home of a stack")


def story(screen: Screen) -> None:
    """A start, a crash, a fleet that is seen twice and then not, and the end."""
    screen.tell(Starting("registry"))
    screen.tell(Ready("registry", 1.25))
    screen.sign_in(CONNECTION, HOME)
    screen.summary(SUMMARY)
    screen.summary(SUMMARY)
    screen.tell(Crashed("registry", "was killed by signal 9", 0.5))
    screen.summary(Away(["registry is down and is started again"]))
    screen.close()
    screen.last_words(["console", "registry"], HOME, None)


def test_a_pipe_gets_plain_lines_and_a_summary_only_when_it_changed() -> None:
    """If this broke, a log would be full of control characters or of the same line."""
    out = io.StringIO()
    story(PlainScreen(Console(file=out, soft_wrap=True)))
    text = out.getvalue()
    assert "\x1b" not in text
    assert "ready     registry (1.2 s)" in text
    assert f"Token     {TOKEN}" in text
    assert "crashed   registry: was killed by signal 9; started again in 0.5 s" in text
    assert text.count("accounts 1 error, 5 online · messages 12 · replies 7") == 1
    assert "fleet: cannot be read now: registry is down and is started again" in text


def test_a_terminal_gets_the_same_and_is_left_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this broke, a terminal would miss the token, or keep a hidden cursor after Ctrl-C."""
    monkeypatch.setenv("TERM", "xterm")
    out = io.StringIO()
    story(LiveScreen(Console(file=out, force_terminal=True, width=100)))
    text = out.getvalue()
    assert TOKEN in text
    assert "crashed" in text
    assert "registry is down" in text
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l")


def test_a_terminal_that_cannot_redraw_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this broke, `callboard up` in an editor's terminal would never say how the fleet is."""
    for terminal, redrawn in (("dumb", False), ("xterm", True)):
        monkeypatch.setenv("TERM", terminal)
        assert redraws(Console(file=io.StringIO(), force_terminal=True)) is redrawn


@pytest.mark.parametrize("width", [80, 60, 30])
def test_what_is_copied_is_whole_on_any_terminal(width: int) -> None:
    """If this broke, the broker's password would be cropped at the edge of a small window."""
    out = io.StringIO()
    story(LiveScreen(Console(file=out, force_terminal=True, width=width, soft_wrap=True)))
    lines = out.getvalue().splitlines()
    home = "'/a/home of a stack'"
    for copied in (
        "http://127.0.0.1:8080",
        TOKEN,
        "http://127.0.0.1:15672",
        PASSWORD,
        f"export CALLBOARD_HOME={home}",
        f"callboard up --home {home}",
        f"rm -r {home}",
    ):
        assert any(line.endswith(copied) for line in lines), copied


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with this program in an environment that is not active; the current one is beside it."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "callboard"):
        (programs / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path)
    return programs


def test_commands_are_found_by_the_shell_that_they_are_copied_to(
    installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If this broke, whoever copies what `make demo` shows would read 'command not found'."""
    home = tmp_path / ".callboard"
    assert program() == ".venv/bin/callboard"
    assert Row("Again", ".venv/bin/callboard up") in last_rows([], home, None)
    assert Row("Sign in", ".venv/bin/callboard nodes") in sign_in_rows(CONNECTION, home)
    (elsewhere := tmp_path / "else where").mkdir()
    monkeypatch.chdir(elsewhere)
    assert program() == f"{installed}/callboard"
    monkeypatch.setenv("PATH", str(installed))
    assert program() == "callboard"
    monkeypatch.setenv("PATH", "/nowhere")
    (installed / "callboard").unlink()
    assert program() == "callboard"


def test_the_usual_home_needs_no_words(installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If this broke, the operator of a plain `callboard up` would be told to type what is not needed."""
    monkeypatch.setenv("PATH", str(installed))
    rows = {row.label: row.value for row in last_rows([], tmp_path / ".callboard", None)}
    assert rows["Again"] == "callboard up"
    assert rows["Stopped"] == "nothing had been started yet"


def test_what_lies_elsewhere_is_erased_too() -> None:
    """If this broke, `rm -r` of the home would leave the container's data, and the next start would meet them."""
    rows = last_rows(["rabbitmq"], HOME, "docker volume rm callboard-rabbitmq-1")
    assert [row.value for row in rows][-2:] == ["rm -r '/a/home of a stack'", "docker volume rm callboard-rabbitmq-1"]


def test_a_reader_that_goes_away_is_a_request_to_stop() -> None:
    """If this broke, `callboard up | head` would end in a traceback, with nothing stopped in order."""
    code = """
        import signal, sys
        from services.cli.stack.events import Said
        from services.cli.stack.screen import open_screen
        heard = []
        signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
        screen = open_screen(plain=True)
        sys.stdin.readline()
        for _ in range(3):
            screen.tell(Said("a line that nobody reads"))
        sys.exit(40 + len(heard))
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        child.stdout.close()
        child.stdout = None
        _, errors = child.communicate("go on\n", timeout=30)
    assert (child.returncode, errors) == (41, "")
