"""`callboard nodes`: the machines that run agents, as the registry has them."""

from typing import Annotated

import typer

from services.cli.cells import age
from services.cli.client import segment
from services.cli.command import Session, command, new_group
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import NODE
from services.cli.paths import DRIFT, WORKERS
from services.cli.table import Column, Record
from shared.contracts.fleet import NodeStatus

FIRST = 100

Most = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")]
Everything = Annotated[bool, typer.Option("--all", help="All of them, however many.")]


def _scripts(node: Record) -> str:
    return ", ".join(f"{one.get('id')} {one.get('version')}" for one in node.get("artifacts") or [])


COLUMNS = (
    Column("node", "node_id"),
    Column("status", lambda node: f"{node.get('status')}{', draining' if node.get('draining') else ''}"),
    Column("source", "source", spare=3),
    Column("accounts", "account_count"),
    Column("scripts", _scripts, folds=16),
    Column("labels", "labels", folds=16, spare=1),
    Column("host", "hostname", spare=2),
    Column("agent", "agent_version", spare=4),
    Column("heartbeat", lambda node: age(node.get("last_heartbeat_at"))),
)


nodes = new_group("The machines that run agents.")


@command(nodes, "list")
def list_nodes(
    session: Session,
    status: Annotated[NodeStatus | None, typer.Option("--status", help="Only in this state.")] = None,
    limit: Most = FIRST,
    everything: Everything = False,
) -> None:
    """The nodes, with what they run."""
    page = session.client.listing(WORKERS, {"status": status}, None if everything else limit)
    nothing = f"no node is {status.value}" if status else "no node has reported yet"
    session.out.listing(page, COLUMNS, nothing)


@command(nodes, "show")
def show_node(session: Session, node: Annotated[str, typer.Argument(metavar="NODE")]) -> None:
    """Everything that is known of one node."""
    path = f"{WORKERS}/{segment(NODE.checked(node))}"
    record = session.client.get(path, missing=NODE.missing(node))
    session.out.record({**record, **_drift(session, node)})


def check_known(session: Session, node: str | None) -> None:
    """For a list of a node's that is empty: raises CommandFailed when that is because there is no such node."""
    if node is not None:
        session.client.get(f"{WORKERS}/{segment(node)}", missing=NODE.missing(node))


def _drift(session: Session, node: str) -> Record:
    """What the node has lost or has newer: the deployer's part, shown when the deployer is there."""
    try:
        found = session.client.listing(DRIFT, {"node_id": node}, None)["items"]
    except CommandFailed as failed:
        if failed.code is not ExitCode.UNREACHABLE:
            raise
        session.out.note(f"whether its scripts have drifted is not known: {failed.sentence}")
        return {}
    shown = ("script_id", "state", "kind", "reason", "since")
    return {"drift": [{name: one.get(name) for name in shown} for one in found]}
