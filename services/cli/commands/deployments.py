"""`callboard deployments`: bring a script to nodes, and see how far each of them is."""

from typing import Annotated

import typer

from services.cli import deploying
from services.cli.cells import age
from services.cli.command import Session, command, new_group
from services.cli.commands.nodes import FIRST, Everything, Most
from services.cli.identifiers import DEPLOYMENT
from services.cli.paths import DEPLOYMENTS
from services.cli.progress import summary, whole_deployment
from services.cli.table import Column, Record
from shared.contracts.drift import DriftPolicy

DeploymentId = Annotated[str, typer.Argument(metavar="ID")]


def _script(deployment: Record) -> str:
    return f"{deployment.get('script_id')} {deployment.get('version')}"


COLUMNS = (
    Column("deployment", "deployment_id"),
    Column("script", _script, spare=1),
    Column("state", "state"),
    Column("progress", summary, folds=15, spare=2),
    Column("ordered", lambda deployment: age(deployment.get("created_at")), spare=3),
)

deployments = new_group("Scripts on their way to nodes.")


@command(deployments, "list")
def list_deployments(session: Session, limit: Most = FIRST, everything: Everything = False) -> None:
    """The deployments, newest first."""
    page = session.client.listing(DEPLOYMENTS, {}, None if everything else limit)
    session.out.listing(page, COLUMNS, "nothing has been deployed yet")


@command(deployments, "show")
def show_deployment(session: Session, deployment: DeploymentId) -> None:
    """One deployment with the state of each node."""
    record = whole_deployment(session.client, DEPLOYMENT.checked(deployment))
    if session.out.as_json:
        session.out.json(record)
        return
    _head(session, record)
    session.out.table(record.get("deliveries") or [], deploying.DELIVERIES)


@command(deployments, "watch")
def watch_deployment(
    session: Session, deployment: DeploymentId, timeout: deploying.Timeout = deploying.PATIENCE
) -> None:
    """Watch until it is final: 0 when every node runs it, 1 when not."""
    record = deploying.watch_to_the_end(session, DEPLOYMENT.checked(deployment), timeout)
    if session.out.as_json:
        session.out.json(record)
    deploying.judge(record)


@command(deployments, "start")
def start_deployment(
    session: Session,
    script: Annotated[str, typer.Argument(metavar="SCRIPT")],
    nodes: deploying.Nodes = None,
    selector: deploying.Selector = None,
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", min=1, help="Not the newest, but this one.")
    ] = None,
    bind: deploying.Bind = None,
    drift: Annotated[
        DriftPolicy, typer.Option("--drift", help="When a node loses it later: bring it back, or only show it.")
    ] = DriftPolicy.REPAIR,
    wait: deploying.Wait = False,
    timeout: deploying.Timeout = deploying.PATIENCE,
) -> None:
    """Bring a stored script to nodes."""
    order = deploying.deploy_order(nodes, selector, version, bind)
    if drift is not DriftPolicy.REPAIR:
        order["rollout"] = {"drift": drift.value}
    record = deploying.start(session, script, order, wait=wait)
    if wait:
        record = deploying.watch_to_the_end(session, str(record["deployment_id"]), timeout)
    if session.out.as_json:
        session.out.json(record)
    if wait:
        deploying.judge(record)


def _head(session: Session, record: Record) -> None:
    session.out.line(
        f"{record.get('deployment_id')}  {record.get('script_id')} {record.get('version')}  {record.get('state')}"
    )
    session.out.line(summary(record))
