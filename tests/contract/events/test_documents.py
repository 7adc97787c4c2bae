"""The event API's documents say what the code does."""

import re
from pathlib import Path

import pytest

from tools.event_api import ROOT, documents, event_api

DOCUMENTS = documents()
# What a type is made of beside the names of types: the words of JSON, and how the page joins them.
PLAIN = {"string", "integer", "number", "boolean", "null", "(date-time)", "list of", "map of", "→", "or"}
LINK = r"\[(\w+)\]\(#(\w+)\)"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_generated_document_is_fresh(path: Path) -> None:
    """A stale document sends integrators the wrong way; `make docs` writes it anew."""
    assert path.read_text(encoding="utf-8") == DOCUMENTS[path](), f"{path.relative_to(ROOT)} is stale: run `make docs`"


def test_no_prose_of_the_page_is_shown_as_code() -> None:
    """Markdown takes four spaces for code: an explanation would stand in a box, its backticks to be read."""
    prose = re.sub(r"^```.*?^```", "", event_api(), flags=re.MULTILINE | re.DOTALL)
    assert [line for line in prose.splitlines() if re.match(r" {4}|\t", line)] == []


def test_every_type_in_a_table_is_told_on_the_page() -> None:
    """A reader would meet a name, or a map, and not know what may stand there."""
    page = event_api()
    told = {name for name, what in _sections(page) if re.search(r"^\| `|^One of `", what, re.MULTILINE)}
    cells = [cell for _, what in _sections(page) for cell in _types(what)]
    assert len(cells) > 100
    for cell in cells:
        assert {name.lower() for name, _ in re.findall(LINK, cell)} == {anchor for _, anchor in re.findall(LINK, cell)}
        assert {name for name, _ in re.findall(LINK, cell)} <= told, cell
        rest = re.sub(f"{LINK}|`[^`]*`,?", "", cell)
        assert set(re.findall(r"(?:list|map) of|\S+", rest)) <= PLAIN, cell


def test_every_heading_of_the_page_can_be_linked() -> None:
    """Of two headings that read the same, links reach the first alone."""
    headings = [heading.lower() for heading in re.findall(r"^#+ (.+)$", event_api(), re.MULTILINE)]
    assert len(headings) == len(set(headings))


def _sections(page: str) -> list[tuple[str, str]]:
    """The name of every message and type, and what the page says below it."""
    return re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)


def _types(section: str) -> list[str]:
    """The types of the fields in a section's table."""
    return re.findall(r"^\| `\w+` \| (?:yes|no) \| (.*) \|$", section, re.MULTILINE)
