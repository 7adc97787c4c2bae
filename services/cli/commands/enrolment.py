"""`callboard nodes enroll` and `callboard nodes revoke`: who may be a node."""

from typing import Annotated

import typer

from services.cli.client import segment
from services.cli.command import Session, command
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import NODE
from services.cli.paths import ENROLMENTS, WORKERS
from services.cli.rollout.wording import NotUnderstood, seconds


def register_enrolment(nodes: typer.Typer) -> None:
    """Give `callboard nodes` its `enroll` and its `revoke`."""
    command(nodes, "enroll")(enroll_node)
    command(nodes, "revoke")(revoke_node)


def enroll_node(
    session: Session,
    node_id: Annotated[
        str | None,
        typer.Option("--node-id", metavar="NODE", help="What the machine becomes; it replaces a node of this id."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="A label of the node.")
    ] = None,
    expires: Annotated[str, typer.Option("--expires", metavar="TIME", help="When the token ends, such as 1h.")] = "1d",
) -> None:
    """Let a machine join, with a token that is good once.

    It is printed in the command to run there.
    """
    body = {
        "node_id": None if node_id is None else NODE.checked(node_id),
        "labels": _labels(label or []),
        "valid_seconds": _lasting(expires),
    }
    given = session.client.post(ENROLMENTS, body)
    told = f"callboard-agent join {session.client.url} {given['token']}"
    if session.out.as_json:
        session.out.json(given | {"command": told})
        return
    session.out.line(told)
    who = f"node {given['node_id']}" if given.get("node_id") else "a node named after its host"
    session.out.note(f"run this on the machine: it becomes {who}; the token is good once, until {given['expires_at']}")


def revoke_node(session: Session, node: Annotated[str, typer.Argument(metavar="NODE")]) -> None:
    """Cut a node off at once.

    Its connections, its login at the broker, its token and its lease end.
    """
    path = f"{WORKERS}/{segment(NODE.checked(node))}/revoke"
    revoked = session.client.post(path)
    if session.out.as_json:
        session.out.json(revoked)
    else:
        session.out.line(f"{node} is cut off since {revoked['revoked_at']}, by {revoked['revoked_by']}")
        session.out.note(f"it may join again: callboard nodes enroll --node-id {node}")


def _labels(pairs: list[str]) -> dict[str, str]:
    labels = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise CommandFailed(ExitCode.REFUSED, f"--label {pair}: write NAME=VALUE")
        labels[name.strip()] = value.strip()
    return labels


def _lasting(text: str) -> int:
    try:
        return seconds(text)
    except NotUnderstood as error:
        raise CommandFailed(ExitCode.REFUSED, f"--expires: {error}") from None
