"""The event API's documents say what the code does."""

from pathlib import Path

import pytest

from tools.event_api import ROOT, documents

DOCUMENTS = documents()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_generated_document_is_fresh(path: Path) -> None:
    """A stale document sends integrators the wrong way; `make docs` writes it anew."""
    assert path.read_text(encoding="utf-8") == DOCUMENTS[path](), f"{path.relative_to(ROOT)} is stale: run `make docs`"
