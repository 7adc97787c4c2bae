"""`callboard accounts`: the Telegram accounts of all nodes, each with the reason where it is not well."""

from typing import Annotated

import typer

from services.cli.client import segment
from services.cli.command import Session, command, new_group
from services.cli.commands.nodes import FIRST, Everything, Most
from services.cli.output import Column, Record, age

PATH = "/api/v1/group-ai/accounts"


def _script(account: Record) -> str:
    return " ".join(str(account[name]) for name in ("script_id", "script_version") if account.get(name))


COLUMNS = (
    Column("account", "account_id"),
    Column("node", "node_id"),
    Column("source", "source"),
    Column("status", "status"),
    Column("reason", "status_reason"),
    Column("script", _script),
    Column("messages", "message_count"),
    Column("replies", "reply_count"),
    Column("last activity", lambda account: age(account.get("last_activity"))),
)


def list_accounts(
    session: Session,
    node: Annotated[str | None, typer.Option("--node", help="Only of this node.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Only in this state: online, error, …")] = None,
    source: Annotated[str | None, typer.Option("--source", help="local or remote.")] = None,
    script: Annotated[str | None, typer.Option("--script", help="Only those that play this script.")] = None,
    query: Annotated[
        str | None,
        typer.Option("-q", "--query", help="Only with this in the account's, node's, script's or file's name."),
    ] = None,
    limit: Most = FIRST,
    everything: Everything = False,
) -> None:
    """The accounts, of all nodes."""
    asked = {"node_id": node, "status": status, "source": source, "script_id": script, "q": query}
    page = session.client.listing(PATH, asked, None if everything else limit)
    session.out.listing(page, COLUMNS, "no account has been reported yet, or none that you asked for")


accounts = new_group("The Telegram accounts of all nodes.", list_accounts)
command(accounts, "list")(list_accounts)


@command(accounts, "show")
def show_account(
    session: Session,
    account: Annotated[str, typer.Argument(metavar="ID")],
    node: Annotated[str | None, typer.Option("--node", help="As this node has it, if several do.")] = None,
) -> None:
    """Everything that is known of one account."""
    session.out.record(session.client.get(f"{PATH}/{segment(account)}", {"node_id": node}))
