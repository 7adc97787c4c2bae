"""A script talked to by hand: through a pipe, and on a terminal."""

import contextlib
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.app import build_app
from services.cli.chat.orders import ORDERS
from services.cli.failures import ExitCode

ROOT = Path(__file__).parents[4]
COMMAND = (sys.executable, "-m", "services.cli", "scripts", "chat")
SCRIPT = """\
id: shop
chats: ["@lobby", private]
variables: {visits: 0}
scenes:
  price:
    triggers: [{command: /price}]
    steps:
      - reply: Let me look, {{ sender }}.
      - set: {visits: "{{ visits + 1 }}"}
      - wait: 10s
      - reply: "Five. \\e[31m"
  night:
    triggers: [{mention: true}]
    conditions: [{hours: ["18:00", "09:00"]}]
    steps: [{reply: We are closed.}]
tests:
  - name: price
    dialogue: [{guest: /price}, {expect: "Let me look, guest."}, {wait: 10s}, {expect: Five.}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The script, in a file."""
    file = tmp_path / "shop.yaml"
    file.write_text(SCRIPT.replace(" \\e[31m", ""))
    return file


def piped(file: Path, *lines: str) -> tuple[int, str, str]:
    """What `scripts chat` makes of the lines: its exit code, stdout and stderr."""
    typed = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    ran = CliRunner().invoke(build_app(), ["scripts", "chat", str(file)], prog_name="callboard", input=typed)
    return ran.exit_code, ran.stdout, ran.stderr


def test_a_dialogue_through_a_pipe(file: Path) -> None:
    """The whole of it: what begins and why, what is said, what would come, and the time that passes."""
    code, shown, errors = piped(file, "/price", "/price", "", ":as Mei", ":in private", "/price tea", ":wait 9s")
    assert (code, errors) == (ExitCode.OK, "")
    assert shown.splitlines()[2:] == [
        "Mon 12:00:00 @lobby guest> /price",
        "  price begins: /price",
        "  account → guest: Let me look, guest.",
        "  in 10s: account → guest: Five.",
        "Mon 12:00:00 @lobby guest> /price",
        "  price does not begin: /price (mode single: it is still playing, goes on in 10s)",
        "  in 10s: account → guest: Five.",
        "Mon 12:00:00 @lobby guest>",
        "  Mon 12:00:10  account → guest: Five.",
        "Mon 12:00:10 @lobby guest> :as Mei",
        "Mon 12:00:10 @lobby Mei> :in private",
        "Mon 12:00:10 private Mei> /price tea",
        "  price begins: /price",
        "  account → Mei: Let me look, Mei.",
        "  in 10s: account → Mei: Five.",
        "Mon 12:00:10 private Mei> :wait 9s",
        "  in 1s: account → Mei: Five.",
    ]


def test_the_session_in_the_reference_is_what_one_sees(tmp_path: Path) -> None:
    """A page that shows what no longer happens is worse than none."""
    section = (ROOT / "docs" / "scripts.md").read_text("utf-8").split("## Trying a script\n")[1]
    (yaml,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    (session,) = re.findall(r"```text\n(.*?)```", section, re.DOTALL)
    file = tmp_path / "bakery.yaml"
    file.write_text(yaml)
    typed = re.findall(r"^\w{3} [0-9:]{8} @\w+ guest> ?(.*)$", session, re.MULTILINE)
    assert piped(file, *typed) == (ExitCode.OK, session, "")
    assert all(f"`:{order}" in section for order in ORDERS)


def test_why_nothing_answers(file: Path) -> None:
    """The question that the rehearsal is there for."""
    _, shown, _ = piped(file, ":mention anybody?", ":clock 20:15", ":mention", "anybody?", "x", ":why")
    assert (
        "  nothing answers\n    night: mention: conditions[0]: it is Mon 12:00, the hours are 18:00 to 09:00\n" in shown
    )
    assert "    price: /price: the message does not begin with it\n" in shown
    assert "guest (mentions)> anybody?\n  night begins: mention\n  account → guest: We are closed.\n" in shown
    assert shown.endswith(
        "> :why\n  price: /price: the message does not begin with it\n"
        "  night: mention: the message does not mention the account\n"
    )


def test_variables_and_clock(file: Path) -> None:
    """What the account remembers decides what it says next."""
    _, shown, _ = piped(file, ":clock 2026-03-02 08:59", "/price", ":vars", ":clock", ":clock 2026-03-01 00:00")
    assert "    visits = 1  (first 0)\n  price plays for guest in @lobby: on with steps[3] in 10s\n" in shown
    assert "  it is 2026-03-02 08:59:00 UTC\n" in shown
    assert "time does not go back: :restart 2026-03-01 00:00 begins anew then" in shown
    _, shown, _ = piped(file, "/price", ":restart 2026-03-01 10:00", ":vars")
    assert "Sun 10:00:00 @lobby guest> :vars\n  of guest in @lobby:\n    visits = 0\n" in shown


def test_what_was_done_is_saved_as_a_test(file: Path) -> None:
    """The dialogue that one has just seen is the test that one wants."""
    _, shown, _ = piped(file, "/price", "", ":save it is five")
    yaml = shown.split(":save it is five\n")[1]
    file.write_text(file.read_text() + yaml)
    checked = CliRunner().invoke(build_app(), ["scripts", "check", str(file)])
    assert checked.stdout == f"{file}: good, 2 tests passed\n"


def test_the_first_test_of_a_script_comes_with_its_heading(file: Path) -> None:
    """What is printed can be put at the end of the file, whether or not it has tests."""
    file.write_text(file.read_text().split("tests:")[0])
    _, shown, _ = piped(file, "/price", ":save it")
    assert ":save it\ntests:\n  - name: it\n" in shown


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (":wait 3", "expected a duration such as"),
        (":wait 400d", "a year at most"),
        (":in lobby", 'expected "@username"'),
        (":clock tomorrow", "expected a date and a time, or a time"),
        (":clock 2026-13-02 08:59", "expected a date and a time"),
        (":as " + "x" * 65, "64 characters at most"),
        (":reply thanks", "the account has said nothing here that could be answered"),
        (":save nothing", "nothing was done yet"),
        (":why", "nothing has happened yet"),
        (":wyh", "did you mean 'why'?"),
        ("", "nothing more is planned"),
    ],
)
def test_what_cannot_be_done_is_said(file: Path, line: str, says: str) -> None:
    """A slip must cost a sentence, not the dialogue so far."""
    code, shown, errors = piped(file, line, "/price")
    assert (code, errors) == (ExitCode.OK, "")
    assert says in shown
    assert "Let me look" in shown


def test_a_chat_that_is_not_listed(file: Path) -> None:
    """One may try it, and is told that nothing can come of it."""
    _, shown, _ = piped(file, ":in @elsewhere", "/price")
    assert "@elsewhere is not listed: nothing is heard and said there; listed: @lobby, private" in shown
    assert "@elsewhere guest> /price\n  not heard: the chat @elsewhere is not listed\n" in shown


def test_a_real_pipe(file: Path) -> None:
    """A build may keep a dialogue in a file."""
    ran = subprocess.run([*COMMAND, str(file)], cwd=ROOT, input="/price\n", capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (ExitCode.OK, "")
    assert ran.stdout.endswith(
        "> /price\n  price begins: /price\n  account → guest: Let me look, guest.\n  in 10s: account → guest: Five.\n"
    )


def test_any_bytes(file: Path) -> None:
    """A message may hold anything, and must not steer the terminal."""
    file.write_text(SCRIPT)
    code, shown, errors = piped(file, "\udcff\x1b[2J\x07", "/price", "")
    assert (code, errors) == (ExitCode.OK, "")
    assert "\x1b" not in shown and "\x07" not in shown
    assert "Five. \\x1b[31m" in shown


def test_a_broken_file_is_told_and_can_be_mended(file: Path) -> None:
    """An author has the editor in one window and this in the other."""
    file.write_text(SCRIPT.replace("wait: 10s}", "wiat: 10s}").replace("reply: Let", "replay: Let"))
    code, shown, errors = piped(file, "/price", ":help", ":reload")
    assert code == ExitCode.FAILED
    assert f"{file}:8:9: scenes.price.steps[0]: " in shown
    assert "(no script)> /price\n  no script is loaded: mend" in shown
    assert "scripts check" in errors and "Traceback" not in errors


class Terminal:
    """`scripts chat` on a terminal, typed at as by a person who waits for the prompt."""

    def __init__(self, file: Path) -> None:
        self._leader, follower = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "NO_COLOR": "1"}
        self.child = subprocess.Popen(
            [*COMMAND, str(file)], cwd=ROOT, env=environment, stdin=follower, stdout=follower, stderr=follower,
            start_new_session=True, preexec_fn=_own_terminal,
        )  # fmt: skip
        os.close(follower)
        self._shown = ""

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._leader, text.encode())

    def until(self, wanted: str, seconds: float = 20.0) -> str:
        """What is shown up to the next `wanted`, which must come in time."""
        deadline = time.monotonic() + seconds
        while wanted not in self._shown:
            left = deadline - time.monotonic()
            assert left > 0, f"{wanted!r} was not shown, but {self._shown!r}"
            if select.select([self._leader], [], [], left)[0]:
                self._shown += _plain(os.read(self._leader, 65_536))
        before, _, self._shown = self._shown.partition(wanted)
        return before

    def interrupt(self, seconds: float = 20.0) -> None:
        """Press Ctrl-C until the program has ended: Python misses one that comes just before it waits for a key."""
        deadline = time.monotonic() + seconds
        while self.child.poll() is None:
            assert time.monotonic() < deadline, "Ctrl-C did not end it"
            self.type("\x03")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(0.5)

    def rest(self) -> str:
        """What was shown after the last that was waited for."""
        with contextlib.suppress(OSError):  # Linux's end of a terminal that nobody holds any more.
            while select.select([self._leader], [], [], 0)[0] and (chunk := os.read(self._leader, 65_536)):
                self._shown += _plain(chunk)
        return self._shown

    def end(self) -> int:
        """The exit code, once the program has ended by itself."""
        return self.child.wait(20)

    def close(self) -> None:
        """Hang up."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self._leader)


def _own_terminal() -> None:
    """Ctrl-C typed at a terminal reaches those whose terminal it is."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _plain(shown: bytes) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", shown.decode())


@pytest.fixture
def terminal(file: Path) -> Iterator[Terminal]:
    """A chat that waits for its first line."""
    with contextlib.closing(Terminal(file)) as terminal:
        terminal.until("@lobby guest> ")
        yield terminal


def test_on_a_terminal(terminal: Terminal, file: Path) -> None:
    """Editing, history and completion are the terminal's; the file may change meanwhile."""
    terminal.type("/pricf\x7fe\n")
    terminal.until("account → guest: Let me look, guest.")
    terminal.until("@lobby guest> ")
    file.write_text(file.read_text().replace("Five.", "Six."))
    terminal.type(":rel\t\n")
    assert "has changed: :reload reads it again" in terminal.until("shop: 2 scenes")
    terminal.until("in 10s: account → guest: Six.")
    terminal.until("@lobby guest> ")
    file.write_text("id: [")
    terminal.type(":reload\n")
    assert f"{file}:1:6: " in terminal.until("what was loaded before plays on")
    terminal.until("@lobby guest> ")
    terminal.type("\n")
    terminal.until("account → guest: Six.")
    terminal.until("@lobby guest> ")
    terminal.type("\x1b[A\x04")
    terminal.type("\x15\x04")
    assert terminal.end() == ExitCode.OK


def test_ctrl_c_ends_quietly(terminal: Terminal) -> None:
    """Nobody wants to read a traceback to leave."""
    terminal.type("/pri")
    terminal.until("/pri")
    terminal.interrupt()
    assert terminal.end() == ExitCode.INTERRUPTED
    assert "Traceback" not in terminal.rest()
