"""`callboard accounts`: the Telegram accounts of all nodes, each with the reason where it is not well."""

from enum import StrEnum
from typing import Annotated

import typer

from services.cli.cells import age
from services.cli.client import segment
from services.cli.command import Session, command, new_group
from services.cli.commands.nodes import FIRST, Everything, Most, check_known
from services.cli.identifiers import ACCOUNT, NODE, SCRIPT
from services.cli.paths import ACCOUNTS
from services.cli.table import Column, Record
from shared.contracts.accounts import AccountStatus


class Source(StrEnum):
    """Where a node is, as its agent was told."""

    LOCAL = "local"
    REMOTE = "remote"


def _script(account: Record) -> str:
    return " ".join(str(account[name]) for name in ("script_id", "script_version") if account.get(name))


def _belongs(account: Record) -> str:
    """Whose it is, where that is not the node that reports it; and who gets it next."""
    node, owner, target = account.get("node_id"), account.get("assigned_to"), account.get("target")
    if target is not None and target != node:
        return f"{owner}, then {target}"
    return "" if owner == node else str(owner or "")


COLUMNS = (
    Column("account", "account_id"),
    Column("node", "node_id"),
    Column("belongs to", _belongs, spare=5),
    Column("source", "source", spare=4),
    Column("status", "status"),
    Column("reason", "status_reason", folds=16),
    Column("script", _script),
    Column("messages", "message_count", spare=2),
    Column("replies", "reply_count", spare=1),
    Column("active", lambda account: age(account.get("last_activity")), spare=3),
)

accounts = new_group("The Telegram accounts of all nodes.")


@command(accounts, "list")
def list_accounts(
    session: Session,
    node: Annotated[str | None, typer.Option("--node", metavar="NODE", help="Only of this node.")] = None,
    status: Annotated[AccountStatus | None, typer.Option("--status", help="Only in this state.")] = None,
    source: Annotated[Source | None, typer.Option("--source", help="Only of nodes that are local, or remote.")] = None,
    script: Annotated[
        str | None, typer.Option("--script", metavar="SCRIPT", help="Only those that play this script.")
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(
            "-q", "--query", metavar="TEXT", help="Only with this in the account's, node's, script's or file's name."
        ),
    ] = None,
    limit: Most = FIRST,
    everything: Everything = False,
) -> None:
    """The accounts, of all nodes."""
    asked = {
        "node_id": None if node is None else NODE.checked(node),
        "status": status,
        "source": source,
        "script_id": None if script is None else SCRIPT.checked(script),
        "q": query,
    }
    page = session.client.listing(ACCOUNTS, asked, None if everything else limit)
    if not page["items"]:
        check_known(session, node)
    filtered = any(value is not None for value in asked.values())
    session.out.listing(page, COLUMNS, "no account matches" if filtered else "no account has been reported yet")


@command(accounts, "show")
def show_account(
    session: Session,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT")],
    node: Annotated[
        str | None, typer.Option("--node", metavar="NODE", help="As this node has it, if several do.")
    ] = None,
) -> None:
    """Everything that is known of one account."""
    path = f"{ACCOUNTS}/{segment(ACCOUNT.checked(account))}"
    where = {"node_id": None if node is None else NODE.checked(node)}
    missing = ACCOUNT.missing(account) if node is None else f"node {node!r} has no account {account!r}"
    session.out.record(session.client.get(path, where, missing=missing))
