"""`callboard accounts assign|release|assignments|policy` and `callboard nodes drain|undrain|policy`.

An order is taken at once; what it wants happens as fast as nodes give accounts back. With --wait a command says how
that goes, and ends when it is done.
"""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from services.cli.cells import age
from services.cli.client import segment
from services.cli.command import Session, command
from services.cli.commands.nodes import FIRST, Everything, Most, check_known
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import ACCOUNT, NODE
from services.cli.paths import ACCOUNTS, ASSIGNMENTS, WORKERS
from services.cli.table import Column, Record
from shared.contracts.accounts import AccountStatus
from shared.contracts.assignments import AssignmentState

# A node gives an account back within a beat; a silent one is waited for through its lease and a margin.
ASK_EVERY = 1.0
PATIENCE = 600.0

Account = Annotated[str, typer.Argument(metavar="ACCOUNT")]
Node = Annotated[str, typer.Argument(metavar="NODE")]
Wait = Annotated[bool, typer.Option("--wait", help="Say how it goes, and end when it is done.")]

COLUMNS = (
    Column("account", "account_id"),
    Column("state", "state"),
    Column("node", "node_id"),
    Column("next", "target", spare=1),
    Column("epoch", "epoch", spare=3),
    Column("reason", "reason", folds=24),
    Column("since", lambda record: age(record.get("since")), spare=2),
)


class AccountTakeover(StrEnum):
    """What an account does when its node is dead."""

    WAIT = "wait"
    MOVE = "move"
    NODE = "node"


class NodeTakeover(StrEnum):
    """What a node's accounts do when it is dead."""

    WAIT = "wait"
    MOVE = "move"


def register_assigning(accounts: typer.Typer, nodes: typer.Typer) -> None:
    """Give both groups their commands."""
    for name, run in (("assign", assign), ("release", release)):
        command(accounts, name)(run)
    command(accounts, "assignments")(list_assignments)
    command(accounts, "policy")(set_account_policy)
    command(nodes, "drain")(drain)
    command(nodes, "undrain")(undrain)
    command(nodes, "policy")(set_node_policy)


def assign(session: Session, account: Account, node: Node, wait: Wait = False) -> None:
    """Run an account on this node; one that runs elsewhere moves.

    It is never live on two nodes: the one that has it disconnects it and hands its newest state back first.
    """
    body = {"node_id": NODE.checked(node)}
    record = session.client.post(_assignment(account), body)
    if not wait:
        _show(session, record, standing(record))
        return

    def look() -> tuple[Record, str, bool]:
        now = session.client.get(_assignment(account))
        there = (now["state"], now["node_id"]) == (AssignmentState.ASSIGNED, node)
        if not there:
            return now, standing(now), False
        return (now, *_running(session, now))

    _show(session, *_followed(session, look))


def release(session: Session, account: Account, wait: Wait = False) -> None:
    """Run an account nowhere.

    Its newest state goes back to the vault.
    """
    record = session.client.delete(_assignment(account))

    def look() -> tuple[Record, str, bool]:
        now = session.client.get(_assignment(account))
        return now, standing(now), now["state"] == AssignmentState.UNASSIGNED

    _show(session, *(_followed(session, look) if wait else (record, standing(record))))


def list_assignments(
    session: Session,
    node: Annotated[str | None, typer.Option("--node", metavar="NODE", help="That it has, or gets next.")] = None,
    state: Annotated[AssignmentState | None, typer.Option("--state", help="Only in this state.")] = None,
    limit: Most = FIRST,
    everything: Everything = False,
) -> None:
    """Which node has which account, also those that no node has."""
    asked = {"node_id": None if node is None else NODE.checked(node), "state": state}
    page = session.client.listing(ASSIGNMENTS, asked, None if everything else limit)
    if not page["items"]:
        check_known(session, node)
    filtered = any(value is not None for value in asked.values())
    session.out.listing(page, COLUMNS, "no assignment matches" if filtered else "there are no logins yet")


def set_account_policy(
    session: Session,
    account: Account,
    takeover: Annotated[
        AccountTakeover, typer.Option("--takeover", help="When its node is dead; 'node': what is said of the node.")
    ],
) -> None:
    """Say what an account does when its node is dead.

    It waits for it, or moves to another one.
    """
    body = {"takeover": None if takeover is AccountTakeover.NODE else takeover.value}
    record = session.client.put(f"{ACCOUNTS}/{segment(ACCOUNT.checked(account))}/policy", body)
    told = "does what is said of its node" if takeover is AccountTakeover.NODE else _takeover(takeover.value)
    _show(session, record, f"{account} {told} when its node is dead")


def drain(
    session: Session,
    node: Node,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="LABEL", help="Only to nodes with the same value of this label; repeatable."),
    ] = None,
    wait: Wait = False,
) -> None:
    """Send a node's accounts to other nodes, and give it no new ones.

    Each goes to the node with room that is most alike by its labels. What has no place stays, with the reason.
    """
    record = session.client.post(_of_node(node, "drain"), {"keep": keep or []})
    if wait:

        def look() -> tuple[Record, str, bool]:
            now = session.client.get(_of_node(node, "drain"))
            return now, _drained(now), not now["assigned"] and not now["leaving"]

        record = dict(_followed(session, look)[0])
    _show(session, record, _drained(record))
    if not session.out.as_json:
        _tell_those_without_place(session, record)


def undrain(session: Session, node: Node) -> None:
    """Let a node have accounts again; nothing comes back by itself."""
    record = session.client.delete(_of_node(node, "drain"))
    going = f", {record['leaving']} are still on their way to other nodes" if record.get("leaving") else ""
    _show(session, record, f"{node} takes accounts again: it has {record.get('assigned')}{going}")


def set_node_policy(
    session: Session,
    node: Node,
    takeover: Annotated[
        NodeTakeover | None, typer.Option("--takeover", help="What its accounts do when it is dead.")
    ] = None,
    capacity: Annotated[
        str | None, typer.Option("--capacity", metavar="N", help="How many accounts fit on it, or 'none' for no bound.")
    ] = None,
) -> None:
    """Say what is wanted of a node; what is not named stays as it is."""
    now = session.client.get(f"{WORKERS}/{segment(NODE.checked(node))}", missing=NODE.missing(node))
    body = {
        "takeover": now.get("takeover") if takeover is None else takeover.value,
        "capacity": now.get("capacity") if capacity is None else _capacity(capacity),
    }
    record = now if takeover is None and capacity is None else session.client.put(_of_node(node, "policy"), body)
    bound = record.get("capacity")
    fits = "as many accounts as its agent bears" if bound is None else f"at most {bound} accounts"
    _show(session, record, f"{node} takes {fits}; when it is dead, an account {_takeover(str(record['takeover']))}")


def _assignment(account: str) -> str:
    return f"{ACCOUNTS}/{segment(ACCOUNT.checked(account))}/assignment"


def _of_node(node: str, what: str) -> str:
    return f"{WORKERS}/{segment(NODE.checked(node))}/{what}"


def _show(session: Session, record: Record, sentence: str) -> None:
    if session.out.as_json:
        session.out.json(record)
    else:
        session.out.line(sentence)


def standing(record: Record) -> str:
    """`support_1: on its way from tokyo-1 to osaka-2`: an assignment, or the event that tells of it."""
    account, node, target = record.get("account_id"), record.get("node_id"), record.get("target")
    why = f" ({record['reason']})" if record.get("reason") else ""
    match record.get("state"):
        case AssignmentState.ASSIGNED:
            return f"{account}: assigned to {node}{why}"
        case AssignmentState.RELEASING if target == node:
            return f"{account}: starts anew on {node}{why}"
        case AssignmentState.RELEASING:
            return f"{account}: on its way from {node} to {target or 'the vault'}{why}"
    return f"{account}: on no node{why}"


def _running(session: Session, assignment: Record) -> tuple[str, bool]:
    """How the account is on the node that it is assigned to, and whether there is nothing more to wait for."""
    account, node = assignment["account_id"], assignment["node_id"]
    try:
        now = session.client.get(f"{ACCOUNTS}/{segment(account)}", {"node_id": node})
    except CommandFailed as failed:
        if failed.code is not ExitCode.NOT_FOUND:
            raise
        return f"{account}: waits for its login on {node}", False
    if (now.get("epoch") or 0) != assignment["epoch"]:
        return f"{account}: waits for its login on {node}", False
    why = f" ({now['status_reason']})" if now.get("status_reason") else ""
    if now["status"] == AccountStatus.ERROR:
        raise CommandFailed(ExitCode.FAILED, f"{account} is assigned to {node} and does not run there{why}")
    return f"{account}: {now['status']} on {node}{why}", now["status"] == AccountStatus.ONLINE


def _followed(session: Session, look: Callable[[], tuple[Record, str, bool]]) -> tuple[Record, str]:
    """Look until it is done; each new sentence is a note. Raises CommandFailed when it takes too long."""
    deadline, told = time.monotonic() + PATIENCE, ""
    while True:
        record, sentence, done = look()
        if done:
            return record, sentence
        if sentence != told:
            told = sentence
            session.out.note(sentence)
        if time.monotonic() > deadline:
            raise CommandFailed(ExitCode.FAILED, f"it is not done yet, but goes on: {sentence}")
        time.sleep(ASK_EVERY)


def _drained(record: Record) -> str:
    node, here, leaving = record["node_id"], record["assigned"], record["leaving"]
    if not here and not leaving:
        return f"{node} has no accounts"
    return f"{node}: {here} accounts to be sent away, {leaving} on their way"


def _tell_those_without_place(session: Session, record: Record) -> None:
    left: list[Record] = record.get("without_place") or []
    for reason in dict.fromkeys(str(one.get("reason")) for one in left):
        names = [str(one.get("account_id")) for one in left if one.get("reason") == reason]
        session.out.note(f"without a place: {', '.join(names[:5])}{' and more' if len(names) > 5 else ''}: {reason}")


def _takeover(policy: str) -> str:
    return "moves to another node" if policy == NodeTakeover.MOVE else "waits for it"


def _capacity(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isascii() or not text.isdigit():
        raise CommandFailed(ExitCode.REFUSED, f"{text!r} is no capacity: give a number of accounts, or 'none'")
    return int(text)
