"""What `deployments start`, `deployments watch` and `scripts push --deploy` have in common: the order and its end."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from services.cli import takeovers
from services.cli.cells import age
from services.cli.client import segment
from services.cli.command import Session
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import ACCOUNT, NODE, SCRIPT
from services.cli.paths import DEPLOY
from services.cli.problems import named_by_option
from services.cli.progress import follow_deployment
from services.cli.rollout.policy import Policy
from services.cli.rollout.telling import IN_STATE, all_verified, causes, failures, summary, waiting_for
from services.cli.table import Column, Record
from shared.contracts.deployments import DeploymentState

PATIENCE = 900.0

Nodes = Annotated[str | None, typer.Option("--nodes", metavar="NODES", help="Node ids, with commas.")]
Selector = Annotated[
    str | None, typer.Option("--selector", metavar="LABELS", help="Labels, such as region=tw,tier!=test; or all.")
]
Bind = Annotated[
    str | None,
    typer.Option("--bind", metavar="ACCOUNTS", help="Which play it from now on: 'all', or account ids with commas."),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until every node has it, or has failed.")]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0, help="Wait for so many seconds at most.")
]
Version = Annotated[int | None, typer.Option("--version", metavar="N", min=1, help="Not the newest, but this one.")]

DELIVERIES = (
    Column("node", "node_id"),
    Column("group", "group", spare=4),
    Column("state", lambda delivery: "held" if delivery.get("held") else delivery.get("state")),
    Column("reason", "reason", folds=24),
    Column("attempts", "attempts", spare=2),
    Column("hash on the node", lambda delivery: short_hash(delivery.get("reported_hash")), spare=1),
    Column("changed", lambda delivery: age(delivery.get("updated_at")), spare=3),
)


def deploy_order(
    nodes: str | None, selector: str | None, version: int | None, bind: str | None, policy: Policy
) -> dict[str, Any]:
    """The body of a deploy request.

    Raises typer.BadParameter unless exactly one of nodes and selector is given, CommandFailed for what is no id.
    """
    if (nodes is None) == (selector is None):
        raise typer.BadParameter("say where: either --nodes a,b or --selector label=value")
    if policy.fields.get("dynamic") is True and selector is None:
        raise typer.BadParameter("--dynamic goes with --selector: late joiners are the nodes that match it later")
    order: dict[str, Any] = {"selector": selector}
    if nodes is not None:
        order = {"node_ids": NODE.all_checked(_words(nodes, "--nodes"))}
    if version is not None:
        order["version"] = version
    if bind is not None:
        order["bind"] = "all" if bind == "all" else ACCOUNT.all_checked(_words(bind, "--bind"))
    if policy.fields:
        order["rollout"] = dict(policy.fields)
    return order


def ordered(session: Session, path: str, script_id: str, order: dict[str, Any], policy: Policy) -> Record:
    """What the deployer answers to an order. Raises CommandFailed that names what is wrong as it was written."""
    return session.client.post(
        f"{path}/{segment(SCRIPT.checked(script_id))}",
        order,
        missing=SCRIPT.missing(script_id),
        named=lambda field: policy.named(field) or named_by_option(field),
    )


def start_and_wait(
    session: Session, path: str, script_id: str, order: dict[str, Any], policy: Policy, timeout: float | None
) -> None:
    """Order it, and with a timeout wait for its end and judge it."""
    record = start(session, script_id, order, policy, wait=timeout is not None, path=path)
    if timeout is not None:
        record = watch_to_the_end(session, str(record["deployment_id"]), timeout)
    if session.out.as_json:
        session.out.json(record)
    if timeout is not None:
        judge(record)


def start(
    session: Session, script_id: str, order: dict[str, Any], policy: Policy, *, wait: bool, path: str = DEPLOY
) -> Record:
    """Order the deployment and show its id, with how to look on if nobody waits; gives what the deployer answered."""
    started = ordered(session, path, script_id, order, policy)
    for sentence in (*takeovers.sentences(started), *_unplayed(started)):
        session.out.note(sentence)
    if not session.out.as_json:
        session.out.line(str(started["deployment_id"]))
        follow_up(session, started, wait=wait)
    return started


def _unplayed(started: Record) -> Iterator[str]:
    """A sentence where a script comes that nobody plays."""
    if started.get("unplayed"):
        there = f"on {started['unplayed']} of {started.get('nodes')} nodes"
        yield f"{there} no account plays {started.get('script_id')}: an order with --bind says who does"


def follow_up(session: Session, deployment: Record, *, wait: bool = False) -> None:
    """Note what an operator may want to do next with a deployment that was ordered."""
    name = deployment["deployment_id"]
    if deployment.get("state") == DeploymentState.PLANNED:
        session.out.note(f"{waiting_for(deployment)}; `callboard deployments show {name} --plan` shows what it does")
    elif not wait:
        session.out.note(f"`callboard deployments watch {name}` shows how far it is")


def watch_to_the_end(session: Session, deployment_id: str, timeout: float | None) -> Record:
    """Watch until it is final and show each node's end, unless the output is JSON. Gives the deployment."""
    deployment = follow_deployment(session.client, session.out, deployment_id, timeout)
    if not session.out.as_json:
        session.out.table(deployment.get("deliveries") or [], DELIVERIES)
    return deployment


def judge(deployment: Record) -> None:
    """Raises CommandFailed unless every node runs what it was sent."""
    if all_verified(deployment):
        return
    state = IN_STATE.get(DeploymentState(str(deployment.get("state"))), "")
    reason = f" ({deployment['reason']})" if deployment.get("reason") else ""
    sentence = f"{deployment.get('deployment_id')} {state}{reason}; not on every node: {summary(deployment)}"
    raise CommandFailed(ExitCode.FAILED, sentence, failures(deployment) or causes(deployment))


def short_hash(name: str | None) -> str:
    """The first twelve digits, enough to compare by eye."""
    return (name or "").removeprefix("sha256:")[:12]


def _words(text: str, option: str) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise typer.BadParameter(f"{option} names nothing: give ids with commas between them")
    return words
