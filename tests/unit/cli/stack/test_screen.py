"""What the operator is shown."""

import io

from rich.console import Console

from services.cli.embedded.broker import Management
from services.cli.stack.connection import Connection
from services.cli.stack.events import Crashed, Ready, Starting
from services.cli.stack.fleet import Summary
from services.cli.stack.screen import LiveScreen, PlainScreen, Screen

CONNECTION = Connection(
    "http://127.0.0.1:8080", "secret-token", Management("http://127.0.0.1:15672", "callboard", "pw")
)
SUMMARY = Summary({"online": 2}, {"online": 5, "error": 1}, messages=12, replies=7, deployments=1)


def story(screen: Screen) -> None:
    """A start, a crash, and a fleet that is seen twice."""
    screen.tell(Starting("registry"))
    screen.tell(Ready("registry", 1.25))
    screen.sign_in(CONNECTION)
    screen.summary(SUMMARY)
    screen.summary(SUMMARY)
    screen.tell(Crashed("registry", "was killed by signal 9", 0.5))
    screen.summary(None)
    screen.close()


def test_a_pipe_gets_plain_lines_and_a_summary_only_when_it_changed() -> None:
    """If this broke, a log would be full of control characters or of the same line."""
    out = io.StringIO()
    story(PlainScreen(Console(file=out, soft_wrap=True)))
    text = out.getvalue()
    assert "\x1b" not in text
    assert "ready     registry (1.2 s)" in text
    assert "Token     secret-token" in text
    assert "crashed   registry: was killed by signal 9; started again in 0.5 s" in text
    assert text.count("accounts 1 error, 5 online · messages 12 · replies 7") == 1
    assert text.rstrip().endswith("the console does not answer")


def test_a_terminal_gets_the_same_and_is_left_clean() -> None:
    """If this broke, a terminal would miss the token, or keep a hidden cursor after Ctrl-C."""
    out = io.StringIO()
    story(LiveScreen(Console(file=out, force_terminal=True, width=100)))
    text = out.getvalue()
    assert "secret-token" in text
    assert "crashed" in text
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l")
