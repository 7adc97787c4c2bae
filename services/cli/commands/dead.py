"""`callboard dead`: messages that could not be handled, with the reason; read, send again, or drop them."""

from typing import Annotated

import typer

from services.cli.cells import age
from services.cli.client import PAGE, segment
from services.cli.command import Session, command, new_group
from services.cli.commands.nodes import FIRST
from services.cli.identifiers import DEAD_LETTER
from services.cli.paths import DEAD_LETTERS
from services.cli.table import Column

Letters = Annotated[list[str], typer.Argument(metavar="ID...")]

COLUMNS = (
    Column("id", "id"),
    Column("type", "type", spare=1),
    Column("reason", "reason", folds=20),
    Column("queue", "queue", spare=3),
    Column("routing key", "routing_key", spare=4),
    Column("dead", lambda letter: age(letter.get("at")), spare=2),
)

dead = new_group("Messages that could not be handled.")


@command(dead, "list")
def list_dead(
    session: Session,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=PAGE, help="At most so many.")] = FIRST,
) -> None:
    """The dead letters, the oldest first."""
    page = session.client.get(DEAD_LETTERS, {"limit": limit})
    session.out.listing(page, COLUMNS, "there are no dead letters")
    # A queue has no pages: what lies behind the limit is seen by a higher one, or when those before it are gone.
    if len(page["items"]) == limit:
        session.out.note(f"there may be more than these {limit}: replay or drop some, or say a higher --limit")


@command(dead, "show")
def show_dead(session: Session, letter: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """One dead letter with its body."""
    session.out.record(session.client.get(_path(letter), missing=_gone(letter)))


@command(dead, "replay")
def replay_dead(session: Session, letters: Letters) -> None:
    """Send dead letters again to where they failed."""
    _each(session, letters, "replayed")


@command(dead, "drop")
def drop_dead(session: Session, letters: Letters) -> None:
    """Throw dead letters away, for good."""
    _each(session, letters, "dropped")


def _each(session: Session, letters: list[str], done: str) -> None:
    """What is done is said letter by letter, so that a failure in the middle leaves no doubt about the others."""
    finished: list[str] = []
    # All are looked at first: a slip of the pen in the third leaves the first two alone.
    paths = {letter: _path(letter) for letter in letters}
    try:
        for letter, path in paths.items():
            if done == "replayed":
                session.client.post(f"{path}/replay", missing=_gone(letter))
            else:
                session.client.delete(path, missing=_gone(letter))
            finished.append(letter)
            if not session.out.as_json:
                session.out.line(f"{letter} {done}")
    finally:
        if session.out.as_json:
            session.out.json({done: finished})


def _path(letter: str) -> str:
    return f"{DEAD_LETTERS}/{segment(DEAD_LETTER.checked(letter))}"


def _gone(letter: str) -> str:
    return f"there is no dead letter {letter}: it was replayed, dropped, or has expired"
