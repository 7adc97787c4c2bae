"""The chat bears whatever is typed, and whatever becomes of the file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.chat import Chat
from services.cli.output import Output
from tests.unit.cli.chat.test_trial import TEXT


class Typed:
    """Lines, between which the file may become another one."""

    def __init__(self, steps: list[str | tuple[str | None]], file: Path) -> None:
        self._steps: Iterator[str | tuple[str | None]] = iter(steps)
        self._file = file
        self.prompts: list[str] = []

    def ask(self, prompt: str) -> str | None:
        """The next line."""
        self.prompts.append(prompt)
        for step in self._steps:
            if isinstance(step, str):
                return step
            (text,) = step
            self._file.unlink(missing_ok=True)
            if text is not None:
                self._file.write_text(text)
        return None


def test_a_change_of_the_file_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One who forgot to reload wonders why the new words are not said; one who is told each time stops reading."""
    file = tmp_path / "tried.yaml"
    file.write_text(TEXT)
    Chat(file, Output(as_json=False)).run(Typed([(TEXT + "# more\n",), "/hello", "/hello", (TEXT,), "/hello"], file))
    assert capsys.readouterr().out.count("has changed: :reload reads it again") == 2


def test_a_reload_says_what_it_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A conversation that stops in silence looks like a fault of the new version."""
    file = tmp_path / "tried.yaml"
    file.write_text(TEXT)
    Chat(file, Output(as_json=False)).run(Typed(["/hello", (TEXT.replace("hello:", "other:"),), ":reload", ""], file))
    assert "ended, for there is no place for it any more: hello" in capsys.readouterr().out
