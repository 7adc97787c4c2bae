"""`callboard nodes`: the machines that run agents, as the registry has them."""

from typing import Annotated

import typer

from services.cli.client import segment
from services.cli.command import Session, command, new_group
from services.cli.output import Column, Record, age

PATH = "/api/v1/workers"
FIRST = 100

Most = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]
Everything = Annotated[bool, typer.Option("--all", help="All of them, however many.")]


def _scripts(node: Record) -> str:
    return ", ".join(f"{one.get('id')} {one.get('version')}" for one in node.get("artifacts") or [])


COLUMNS = (
    Column("node", "node_id"),
    Column("status", "status"),
    Column("source", "source"),
    Column("accounts", "account_count"),
    Column("scripts", _scripts),
    Column("labels", "labels"),
    Column("host", "hostname"),
    Column("agent", "agent_version"),
    Column("last heartbeat", lambda node: age(node.get("last_heartbeat_at"))),
)


def list_nodes(
    session: Session,
    status: Annotated[str | None, typer.Option("--status", help="online or offline.")] = None,
    limit: Most = FIRST,
    everything: Everything = False,
) -> None:
    """The nodes, with what they run."""
    page = session.client.listing(PATH, {"status": status}, None if everything else limit)
    session.out.listing(page, COLUMNS, "no node has reported yet, or none that you asked for")


nodes = new_group("The machines that run agents.", list_nodes)
command(nodes, "list")(list_nodes)


@command(nodes, "show")
def show_node(session: Session, node: Annotated[str, typer.Argument(metavar="NODE")]) -> None:
    """Everything that is known of one node."""
    session.out.record(session.client.get(f"{PATH}/{segment(node)}"))
