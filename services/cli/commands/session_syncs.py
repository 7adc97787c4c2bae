"""`callboard sessions sync`: let the node that runs an account hand its present state back now.

Nodes do so by themselves every ten minutes and at the end. Whoever makes a backup, or is about to switch a machine off
hard, does not want to wait for that.
"""

import time
from typing import Annotated

import typer

from services.cli.client import segment
from services.cli.command import Session, command
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import ACCOUNT
from services.cli.paths import SESSIONS
from services.cli.table import Record

ASK_EVERY = 0.5
# The deployer's own limit of the order, and a little.
PATIENCE = 150.0


def register_sync(sessions: typer.Typer) -> None:
    """Give the group its command."""
    command(sessions, "sync")(sync)


def sync(
    session: Session,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT")],
    wait: Annotated[
        bool, typer.Option("--wait", help="End when the vault has it, and say which version it is.")
    ] = False,
) -> None:
    """Let a node hand a login's present state back now.

    To the vault, by the node that runs the account.
    """
    path = f"{SESSIONS}/{segment(ACCOUNT.checked(account))}/sync"
    missing = f"the vault has no login of {account!r}, and no node runs it: `callboard sessions` lists all"
    record: Record = session.client.post(path, missing=missing)
    if wait:
        record = _followed(session, path, record)
    if session.out.as_json:
        session.out.json(record)
    elif record.get("version") is None:
        session.out.line(f"{record['node_id']} is asked for the present state of {account}; --wait waits for it")
    else:
        session.out.line(f"the vault has the state of {account} on {record['node_id']} as version {record['version']}, "
                         f"{record['hash']}")  # fmt: skip


def _followed(session: Session, path: str, record: Record) -> Record:
    """Wait for the answer. Raises CommandFailed when there is none, or the vault did not take it."""
    session.out.note(f"{record['node_id']} is asked for the present state of {record['account_id']}")
    deadline = time.monotonic() + PATIENCE
    while record.get("version") is None:
        if record.get("problem"):
            raise CommandFailed(ExitCode.FAILED, str(record["problem"]))
        if time.monotonic() > deadline:
            raise CommandFailed(ExitCode.FAILED, f"{record['node_id']} has not answered yet")
        time.sleep(ASK_EVERY)
        record = session.client.get(path)
    return record
