"""`callboard dead`: messages that could not be handled, with the reason; read, send again, or drop them."""

from typing import Annotated

import typer

from services.cli.client import PAGE, segment
from services.cli.command import Session, command, new_group
from services.cli.commands.nodes import FIRST
from services.cli.output import Column, age

PATH = "/api/v1/dead-letters"

Letters = Annotated[list[str], typer.Argument(metavar="ID...")]

COLUMNS = (
    Column("id", "id"),
    Column("type", "type"),
    Column("reason", "reason"),
    Column("queue", "queue"),
    Column("routing key", "routing_key"),
    Column("dead", lambda letter: age(letter.get("at"))),
)


def list_dead(
    session: Session,
    limit: Annotated[int, typer.Option("--limit", min=1, max=PAGE, help="At most so many.")] = FIRST,
) -> None:
    """The dead letters, the oldest first."""
    page = session.client.get(PATH, {"limit": limit})
    session.out.listing(page, COLUMNS, "there are no dead letters")
    # A queue has no pages: what lies behind the limit is seen by a higher one, or when those before it are gone.
    if len(page["items"]) == limit:
        session.out.note(f"there may be more than these {limit}: replay or drop some, or say a higher --limit")


dead = new_group("Messages that could not be handled.", list_dead)
command(dead, "list")(list_dead)


@command(dead, "show")
def show_dead(session: Session, letter: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """One dead letter with its body and its headers."""
    session.out.record(session.client.get(f"{PATH}/{segment(letter)}"))


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
    try:
        for letter in letters:
            path = f"{PATH}/{segment(letter)}"
            _ = session.client.post(f"{path}/replay") if done == "replayed" else session.client.delete(path)
            finished.append(letter)
            if not session.out.as_json:
                session.out.line(f"{letter} {done}")
    finally:
        if session.out.as_json:
            session.out.json({done: finished})
