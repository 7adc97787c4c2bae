"""What `deployments start`, `deployments watch` and `scripts push --deploy` have in common: the order and its end."""

from typing import Annotated, Any

import typer

from services.cli.client import segment
from services.cli.command import Session
from services.cli.failures import CommandFailed, ExitCode
from services.cli.output import Column, Record, age
from services.cli.progress import all_verified, failures, follow_deployment, summary

DEPLOY = "/api/v1/group-ai/script-deployment/deploy"
PATIENCE = 900.0

Nodes = Annotated[str | None, typer.Option("--nodes", help="Node ids, with commas.")]
Selector = Annotated[str | None, typer.Option("--selector", help="Labels, such as region=tw,tier!=test; or all.")]
Bind = Annotated[
    str | None, typer.Option("--bind", help="Which accounts play it from now on: 'all', or ids with commas.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until every node has it, or has failed.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0, help="Wait for so many seconds at most.")]

DELIVERIES = (
    Column("node", "node_id"),
    Column("state", "state"),
    Column("reason", "reason"),
    Column("attempts", "attempts"),
    Column("hash on the node", lambda delivery: short_hash(delivery.get("reported_hash"))),
    Column("changed", lambda delivery: age(delivery.get("updated_at"))),
)


def deploy_order(nodes: str | None, selector: str | None, version: int | None, bind: str | None) -> dict[str, Any]:
    """The body of a deploy request. Raises typer.BadParameter unless exactly one of nodes and selector is given."""
    if (nodes is None) == (selector is None):
        raise typer.BadParameter("say where: either --nodes a,b or --selector label=value")
    order: dict[str, Any] = {"selector": selector} if nodes is None else {"node_ids": _words(nodes, "--nodes")}
    if version is not None:
        order["version"] = version
    if bind is not None:
        order["bind"] = "all" if bind == "all" else _words(bind, "--bind")
    return order


def start(session: Session, script_id: str, order: dict[str, Any]) -> Record:
    """Order the deployment; gives what the deployer answered."""
    return session.client.post(f"{DEPLOY}/{segment(script_id)}", order)


def watch_to_the_end(session: Session, deployment_id: str, timeout: float) -> Record:
    """Watch until it is final and show each node's end, unless the output is JSON. Gives the deployment."""
    deployment = follow_deployment(session.client, session.out, deployment_id, timeout)
    if not session.out.as_json:
        session.out.table(deployment.get("deliveries") or [], DELIVERIES)
    return deployment


def judge(deployment: Record) -> None:
    """Raises CommandFailed unless every node runs what it was sent."""
    if not all_verified(deployment):
        raise CommandFailed(ExitCode.FAILED, f"not on every node: {summary(deployment)}", failures(deployment))


def short_hash(name: str | None) -> str:
    """The first twelve digits, enough to compare by eye."""
    return (name or "").removeprefix("sha256:")[:12]


def _words(text: str, option: str) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise typer.BadParameter(f"{option} names nothing: give ids with commas between them")
    return words
