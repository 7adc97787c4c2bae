"""`callboard drift`: nodes that lost what was verified on them, or have something newer; and what to do about it."""

from typing import Annotated

import typer

from services.cli.cells import age
from services.cli.client import segment
from services.cli.command import Session, command, new_group
from services.cli.commands.nodes import FIRST, Everything, Most, check_known
from services.cli.identifiers import NODE, SCRIPT
from services.cli.paths import DRIFT
from services.cli.table import Column, Record
from shared.contracts.drift import DriftKind

Node = Annotated[str, typer.Argument(metavar="NODE")]
Script = Annotated[str, typer.Argument(metavar="SCRIPT")]


def _version(side: str, record: Record) -> str:
    """The version and enough of the hash to compare by eye; `-` for nothing."""
    one = record.get(side)
    return f"{one.get('version')} {str(one.get('hash')).removeprefix('sha256:')[:8]}" if one else "-"


COLUMNS = (
    Column("node", "node_id"),
    Column("script", "script_id"),
    Column("state", "state"),
    Column("kind", "kind"),
    Column("reason", "reason", folds=24),
    Column("desired", lambda record: _version("desired", record), spare=1),
    Column("found", lambda record: _version("found", record), spare=1),
    Column("policy", "policy", spare=3),
    Column("repairs", "repairs", spare=4),
    Column("since", lambda record: age(record.get("since")), spare=2),
)

drift = new_group("What nodes have lost, or have newer than anybody remembers.")


@command(drift, "list")
def list_drift(
    session: Session,
    node: Annotated[str | None, typer.Option("--node", metavar="NODE", help="Only on this node.")] = None,
    script: Annotated[str | None, typer.Option("--script", metavar="SCRIPT", help="Only of this script.")] = None,
    kind: Annotated[DriftKind | None, typer.Option("--kind", help="Only of this kind.")] = None,
    limit: Most = FIRST,
    everything: Everything = False,
) -> None:
    """The differences, by node and script."""
    asked = {
        "node_id": NODE.checked(node) if node is not None else None,
        "script_id": SCRIPT.checked(script) if script is not None else None,
        "kind": kind,
    }
    page = session.client.listing(DRIFT, asked, None if everything else limit)
    if not page["items"]:
        check_known(session, node)
    session.out.listing(page, COLUMNS, "every node has what was verified on it")


@command(drift, "adopt")
def adopt(session: Session, node: Node, script: Script) -> None:
    """Desire from now on what the node has.

    Its version has to be stored.
    """
    record = _settle(session, node, script, "adopt")
    if not session.out.as_json:
        session.out.line(f"{node} {script}: desired is version {_version('desired', record)}, as the node has it")


@command(drift, "overwrite")
def overwrite(session: Session, node: Node, script: Script) -> None:
    """Bring the desired version back to the node, whatever it has."""
    record = _settle(session, node, script, "overwrite")
    if not session.out.as_json:
        session.out.line(f"{node} {script}: version {_version('desired', record)} is ordered")
        session.out.note("`callboard drift list` shows it until the node has it")


def _settle(session: Session, node: str, script: str, how: str) -> Record:
    path = f"{DRIFT}/{segment(NODE.checked(node))}/{segment(SCRIPT.checked(script))}/{how}"
    missing = f"there is no drift of script {script!r} on node {node!r}: `callboard drift list` shows what there is"
    record = session.client.post(path, missing=missing)
    if session.out.as_json:
        session.out.json(record)
    return record
