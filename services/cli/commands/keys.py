"""`callboard keys` and `callboard sign`: the keys that orders are signed with, and signing one by hand."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.cells import age
from services.cli.command import Session, command, new_group
from services.cli.failures import CommandFailed, ExitCode
from services.cli.paths import KEYS
from services.cli.table import Column, Record

COLUMNS = (
    Column("key", "key_id"),
    Column("for", "purpose"),
    Column("state", "state"),
    Column("made", lambda key: age(key.get("created_at"))),
    Column("since", lambda key: age(key.get("changed_at"))),
)

keys = new_group("The keys that orders are signed with.")


@command(keys, "list")
def list_keys(session: Session) -> None:
    """The keys, and the serial that nodes shall go by.

    `callboard nodes show` tells a node's.
    """
    _show(session, session.client.get(KEYS))


@command(keys, "rotate")
def rotate_keys(session: Session) -> None:
    """Bring in a new signing key.

    Nodes are told, then orders are signed with it, then the old one ends.
    """
    record = session.client.post(f"{KEYS}/rotate")
    _show(session, record)
    session.out.note("every online node is told now; `callboard keys list` shows how far it is")


def register_sign(app: typer.Typer) -> None:
    """`callboard sign`."""

    @command(app, "sign")
    def sign(
        session: Session,
        file: Annotated[Path, typer.Argument(metavar="FILE", help="The order's JSON; - reads it from stdin.")],
    ) -> None:
        """Sign an order by hand.

        To give it to a node in the broker's management console. Needs the role admin.
        """
        session.out.json(session.client.post(f"{KEYS}/sign", _order(file)))


def _order(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        order = json.loads(text)
    except OSError as error:
        raise CommandFailed(ExitCode.REFUSED, f"{file} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CommandFailed(ExitCode.REFUSED, f"{file} cannot be read: it is no text in UTF-8") from error
    except ValueError as error:
        raise CommandFailed(ExitCode.REFUSED, f"{file} is no JSON: {error}") from error
    if not isinstance(order, dict):
        raise CommandFailed(ExitCode.REFUSED, f"{file} is no order: it has to be a JSON object")
    return order


def _show(session: Session, record: Record) -> None:
    if session.out.as_json:
        session.out.json(record)
        return
    session.out.table(record["keys"], COLUMNS)
    session.out.note(f"nodes shall go by serial {record['serial']}")
