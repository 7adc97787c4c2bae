"""The chat bears whatever is typed, and whatever becomes of the file."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.cli.chat import Chat
from services.cli.chat.orders import ORDERS
from services.cli.output import Output
from tests.unit.cli.chat.test_chat import Typed
from tests.unit.cli.chat.test_trial import TEXT

CLOCKS = ["30s", "1h", "365d", "08:59", "2026-03-02 08:59", "2099-12-31 23:59", "2026-02-30 10:00"]
ODD = ["", "\x00\x1b[2J", "a" * 5000, "\ud800"]
WORDS = st.sampled_from([*CLOCKS, *ODD, "/hello", "/bad", "Mei", "@hall_two", "@elsewhere", "private", "-100123", "it"])
LINES = st.one_of(
    WORDS,
    st.text(max_size=20),
    st.builds(lambda order, word: f":{order} {word}", st.sampled_from(sorted(set(ORDERS) - {"quit"})), WORDS),
)
FILES = st.sampled_from(
    [TEXT, TEXT.replace("hello:", "other:"), "id: [", "", "\x00", TEXT.replace("@hall_one", "@hall_six"), None]
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.one_of(LINES, LINES, LINES, st.tuples(FILES), st.just(":reload")), max_size=12))
def test_nothing_that_is_typed_ends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], steps: list[str | tuple[str | None]]
) -> None:
    """A dialogue of half an hour would be lost with one odd line."""
    file = tmp_path / "tried.yaml"
    file.write_text(TEXT)
    typed = Typed(steps, file)
    Chat(file, Output(as_json=False)).run(typed)
    shown = capsys.readouterr().out + "".join(typed.prompts)
    assert not re.search("[\x00-\x09\x0b-\x1f]", shown), "something steers the terminal"
