"""`callboard deployments`: bring a script to nodes, plan that before, and see how far each of them is."""

from typing import Annotated

import typer

from services.cli import deploying
from services.cli.cells import age
from services.cli.command import Session, command, new_group
from services.cli.commands.nodes import FIRST, Everything, Most
from services.cli.identifiers import DEPLOYMENT, SCRIPT
from services.cli.paths import DEPLOY, DEPLOYMENTS, PLAN, REMOVE
from services.cli.progress import whole_deployment
from services.cli.rollout import plans
from services.cli.rollout.options import with_policy
from services.cli.rollout.policy import Policy
from services.cli.rollout.spelling import spelled
from services.cli.rollout.telling import causes, headline, summary, waiting_for, what
from services.cli.table import Column, Record
from shared.contracts.deployments import DeploymentState

DeploymentId = Annotated[str, typer.Argument(metavar="ID")]
Script = Annotated[str, typer.Argument(metavar="SCRIPT")]


COLUMNS = (
    Column("deployment", "deployment_id"),
    Column("script", what, spare=1),
    Column("state", "state"),
    Column("progress", summary, folds=15, spare=2),
    Column("reason", "reason", folds=20, spare=4),
    Column("ordered", lambda deployment: age(deployment.get("created_at")), spare=3),
)

GROUPS = (
    Column("group", "group"),
    Column("nodes", "size"),
    Column("progress", summary, folds=15),
)

deployments = new_group("Scripts on their way to nodes.")


@command(deployments, "list")
def list_deployments(
    session: Session,
    state: Annotated[DeploymentState | None, typer.Option("--state", help="Only in this state.")] = None,
    script: Annotated[str | None, typer.Option("--script", metavar="SCRIPT", help="Only of this script.")] = None,
    limit: Most = FIRST,
    everything: Everything = False,
) -> None:
    """The deployments, newest first."""
    wanted = {"state": state, "script_id": SCRIPT.checked(script) if script is not None else None}
    page = session.client.listing(DEPLOYMENTS, wanted, None if everything else limit)
    what = " ".join(filter(None, (f"of {script}" if script else "", f"is {state.value}" if state else "")))
    session.out.listing(page, COLUMNS, f"no deployment {what}" if what else "nothing has been deployed yet")


@command(deployments, "show")
def show_deployment(
    session: Session,
    deployment: DeploymentId,
    plan: Annotated[bool, typer.Option("--plan", help="What each node had before, gets and loses.")] = False,
    limit: Most = FIRST,
    everything: Everything = False,
) -> None:
    """One deployment with its groups and the state of each node."""
    name = DEPLOYMENT.checked(deployment)
    if plan:
        plans.show(session, name, None if everything else limit)
        return
    record = whole_deployment(session.client, name)
    if session.out.as_json:
        session.out.json(record)
        return
    _head(session, record)
    if record.get("deliveries"):
        session.out.table(record["deliveries"], deploying.DELIVERIES)
    else:
        session.out.note(f"nothing was sent: `callboard deployments show {name} --plan` shows its nodes")


@command(deployments, "watch")
def watch_deployment(
    session: Session,
    deployment: DeploymentId,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", min=0, help="For so many seconds at most; else to its end."),
    ] = None,
) -> None:
    """Watch until it has ended: 0 when every node runs it, 1 when not."""
    record = deploying.watch_to_the_end(session, DEPLOYMENT.checked(deployment), timeout)
    if session.out.as_json:
        session.out.json(record)
    deploying.judge(record)


@command(deployments, "start")
@with_policy
def start_deployment(
    session: Session,
    script: Script,
    nodes: deploying.Nodes = None,
    selector: deploying.Selector = None,
    version: deploying.Version = None,
    bind: deploying.Bind = None,
    wait: deploying.Wait = False,
    timeout: deploying.Timeout = deploying.PATIENCE,
    *,
    policy: Policy,
) -> None:
    """Bring a stored script to nodes.

    All of them at once, or in groups, at a pace, at a time, and with rules that stop it.
    """
    order = deploying.deploy_order(nodes, selector, version, bind, policy)
    deploying.start_and_wait(session, DEPLOY, script, order, policy, timeout if wait else None)


@command(deployments, "remove")
@with_policy
def remove_script(
    session: Session,
    script: Script,
    nodes: deploying.Nodes = None,
    selector: deploying.Selector = None,
    wait: deploying.Wait = False,
    timeout: deploying.Timeout = deploying.PATIENCE,
    *,
    policy: Policy,
) -> None:
    """Take a script away from nodes.

    A deployment like any other: in groups, at a pace, at a time, and with rules that stop it. Accounts that played it
    play nothing until something else is ordered for them.
    """
    order = deploying.deploy_order(nodes, selector, None, None, policy)
    deploying.start_and_wait(session, REMOVE, script, order, policy, timeout if wait else None)


@command(deployments, "plan")
@with_policy
def plan_deployment(
    session: Session,
    script: Script,
    nodes: deploying.Nodes = None,
    selector: deploying.Selector = None,
    version: deploying.Version = None,
    bind: deploying.Bind = None,
    limit: Most = FIRST,
    everything: Everything = False,
    *,
    policy: Policy,
) -> None:
    """Show what a deployment would do.

    Node by node, and nothing is sent; the last line is the command that approves exactly this.
    """
    order = deploying.deploy_order(nodes, selector, version, bind, policy)
    planned = deploying.ordered(session, PLAN, script, order, policy)
    plans.show(session, str(planned["deployment_id"]), None if everything else limit, planned)


def _head(session: Session, record: Record) -> None:
    session.out.line(headline(record))
    session.out.line(summary(record))
    waits = waiting_for(record)
    if waits:
        session.out.line(waits)
    for cause in causes(record):
        session.out.line(cause)
    session.out.fields({**_origin(record), **spelled(record.get("rollout") or {})})
    groups = record.get("groups") or []
    if len(groups) > 1:
        session.out.line("")
        session.out.table(groups, GROUPS)
    session.out.line("")


def _origin(record: Record) -> dict[str, str]:
    """Where it came from and until when it may take, as far as that is known."""
    until = "approve before" if record.get("state") == DeploymentState.PLANNED else "ends before"
    named = {"retry of": "retry_of", "rollback of": "rollback_of", until: "deadline_at"}
    return {name: str(record[field]) for name, field in named.items() if record.get(field)}
