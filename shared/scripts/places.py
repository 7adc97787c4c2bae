"""Where in a script's text a failed test stands, so that the author need not count lines of a dialogue.

Asked by the command line and the deployer, with the text that was parsed. Never raises for any text.
"""

from shared.scripts.errors import Path, spelled
from shared.scripts.own_tests import TestOutcome
from shared.scripts.source import Document, Position, read_document


def place_of_test(text: str, number: int, outcome: TestOutcome) -> tuple[Position, str]:
    """Line and column, from 1, of the dialogue's line at which the test of that index failed, and its path."""
    path: Path = ("tests", number)
    if outcome.failed_at is not None:
        path = (*path, "dialogue", outcome.failed_at)
    document = read_document(text)
    return (document.locate(path) if isinstance(document, Document) else (1, 1)), spelled(path)
