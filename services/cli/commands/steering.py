"""`callboard deployments approve|pause|resume|abort|retry|rollback`: each does one thing and says what it did."""

import time
from collections import Counter, defaultdict
from typing import Annotated, Any

import typer

from services.cli import deploying
from services.cli.client import segment
from services.cli.command import Session, command
from services.cli.commands.deployments import DeploymentId
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import DEPLOYMENT, PLAN_HASH
from services.cli.paths import DEPLOYMENTS
from services.cli.progress import look
from services.cli.rollout import telling
from services.cli.rollout.telling import IN_STATE, nodes
from services.cli.table import Record
from shared.contracts.deployments import DeliveryState, DeploymentState

_NOT_BEGUN = (DeploymentState.PLANNED, DeploymentState.SCHEDULED)
# More are counted: the API gives all of them.
MOST_NAMES = 5


def register_steering(group: typer.Typer) -> None:
    """Give the group its commands."""
    for name, run in (("approve", approve), ("pause", pause), ("resume", resume), ("abort", abort)):
        command(group, name)(run)
    command(group, "retry")(retry)
    command(group, "rollback")(rollback)


def approve(
    session: Session,
    deployment: DeploymentId,
    plan_hash: Annotated[str, typer.Argument(metavar="HASH")],
    even_if_changed: Annotated[
        bool,
        typer.Option("--even-if-changed", help="Although nodes are not as planned any more: it is planned anew."),
    ] = False,
) -> None:
    """Let exactly the plan of this hash begin.

    Where nodes have something else by now than when it was planned, nothing begins, and they are named.
    """
    body: dict[str, Any] = {"plan_hash": PLAN_HASH.checked(plan_hash)}
    record = _done(
        session, deployment, "approve", "approved", body | ({"even_if_changed": True} if even_if_changed else {})
    )
    script = telling.what(record)
    count, groups = nodes(int(record.get("total") or 0)), record.get("groups") or []
    if record.get("state") == DeploymentState.SCHEDULED:
        start_at = (record.get("rollout") or {}).get("start_at")
        _say(session, record, f"is approved and begins at {start_at}: {script} to {count}")
        return
    first = f" in {len(groups)} groups, {nodes(groups[0]['size'])} first" if len(groups) > 1 else ""
    _say(session, record, f"is running: {script} to {count}{first}")


def pause(session: Session, deployment: DeploymentId) -> None:
    """Send nothing new; what was sent comes to its end."""
    record = _done(session, deployment, "pause", "paused")
    held, under_way = telling.held_back(record), telling.under_way(record)
    why = f" ({record['reason']})" if record.get("reason") else ""
    going = f"{under_way} under way that may still come to an end" if under_way else "none under way"
    _say(session, record, f"is paused{why}: {_verified(record)}, {going}, {held} held back")


def resume(session: Session, deployment: DeploymentId) -> None:
    """Go on; the failures so far are forgiven."""
    record = _done(session, deployment, "resume", "resumed")
    failed = sum((record.get("causes") or {}).values())
    forgiven = f"; {failed} failed until now and no longer stop it" if failed else ""
    _say(session, record, f"is running: {_verified(record)}, {nodes(_open(record))} still to come{forgiven}")


def abort(session: Session, deployment: DeploymentId) -> None:
    """End it now; nodes that have applied it keep it."""
    record = _done(session, deployment, "abort", "aborted")
    total = nodes(int(record.get("total") or 0))
    if record.get("state") == DeploymentState.CANCELED:
        _say(session, record, f"is canceled before it began: nothing was sent to its {total}")
        return
    canceled = telling.totals(record).get(DeliveryState.CANCELED.value, 0)
    keep = f"those keep {telling.what(record)}"
    _say(session, record, f"is aborted: {canceled} of {total} canceled, {_verified(record)}; {keep}")


def retry(
    session: Session,
    deployment: DeploymentId,
    wait: deploying.Wait = False,
    timeout: deploying.Timeout = deploying.PATIENCE,
) -> None:
    """Once more, for the nodes that failed.

    Or timed out: the same version with the same policy. The new deployment's id is on stdout.
    """
    record = _asked(session, deployment, "retry", "retried")
    failed = nodes(int(record.get("total") or 0))
    again = f"brings {telling.what(record)} again to {failed} where {deployment} failed"
    _made(session, record, again, wait=wait)
    if wait:
        [record] = _ended(session, [record], timeout)
    if session.out.as_json:
        session.out.json(record)
    if wait:
        deploying.judge(record)


def rollback(
    session: Session,
    deployment: DeploymentId,
    wait: deploying.Wait = False,
    timeout: deploying.Timeout = deploying.PATIENCE,
) -> None:
    """Bring nodes back to what they had.

    Each to its own version; what is still under way is aborted. The ids of the new deployments are on stdout.
    """
    answer = _asked(session, deployment, "rollback", "rolled back")
    made: list[Record] = answer.get("deployments") or []
    left: list[Record] = answer.get("left_alone") or []
    for one in made:
        _made(session, one, _way_back(one), wait=wait)
    stay = _staying(left)
    if made and left and not session.out.as_json:
        as_before = "stays as it is" if len(left) == 1 else "stay as they are"
        for line in [f"{nodes(len(left))} {as_before}:", *stay]:
            session.out.note(line)
    if wait:
        made = _ended(session, made, timeout)
    if session.out.as_json:
        session.out.json({**answer, "deployments": made})
    if not made:
        sentence = f"nothing to roll back: none of the {nodes(len(left))} of {deployment} has a version to go back to"
        raise CommandFailed(ExitCode.FAILED, sentence, stay)
    if wait:
        for one in made:
            deploying.judge(one)


def _made(session: Session, record: Record, does: str, *, wait: bool) -> None:
    """Show the id of a deployment that was made, and what it does."""
    if not session.out.as_json:
        session.out.line(str(record["deployment_id"]))
        session.out.note(f"{record['deployment_id']} {does}")
        deploying.follow_up(session, record, wait=wait)


def _ended(session: Session, made: list[Record], timeout: float) -> list[Record]:
    """The deployments at their end, within so many seconds for all of them."""
    deadline = time.monotonic() + timeout

    def left() -> float:
        # Rounded, because it is shown when it was not enough.
        return round(max(0.0, deadline - time.monotonic()), 1)

    return [deploying.watch_to_the_end(session, str(one["deployment_id"]), left()) for one in made]


def _way_back(made: Record) -> str:
    count = nodes(int(made.get("total") or 0))
    if made.get("removes"):
        return f"takes {made.get('script_id')} from {count} that had nothing of it before"
    return f"brings {count} back to {telling.what(made)}"


def _staying(left: list[Record]) -> list[str]:
    """`2 × nothing was sent to it: node-a, node-b`."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for one in left:
        by_reason[str(one.get("reason"))].append(str(one.get("node_id")))
    counts = Counter({reason: len(names) for reason, names in by_reason.items()})
    return [f"{count} × {reason}: {_listed(by_reason[reason])}" for reason, count in counts.most_common()]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _done(session: Session, deployment: str, act: str, done: str, body: dict[str, Any] | None = None) -> Record:
    """The answer of the deployer, shown where the output is JSON. Raises CommandFailed in the operator's words."""
    answer = _asked(session, deployment, act, done, body)
    if session.out.as_json:
        session.out.json(answer)
    return answer


def _asked(session: Session, deployment: str, act: str, done: str, body: dict[str, Any] | None = None) -> Record:
    """The same, not shown."""
    name = DEPLOYMENT.checked(deployment)
    try:
        path = f"{DEPLOYMENTS}/{segment(name)}/{act}"
        return session.client.post(path, body, missing=DEPLOYMENT.missing(name))
    except CommandFailed as failed:
        if failed.kind == "changed-since":
            raise _with_advice(failed, name) from None
        if failed.kind not in ("wrong-state", "other-plan", "nothing-to-retry"):
            raise
        raise _explained(session, name, failed, act, done) from None


def _with_advice(failed: CommandFailed, name: str) -> CommandFailed:
    shows = f"`callboard deployments show {name} --plan` shows what was planned"
    advice = f"plan again, or say --even-if-changed; {shows}"
    return CommandFailed(failed.code, failed.sentence, [*failed.details, advice])


def _explained(session: Session, name: str, failed: CommandFailed, act: str, done: str) -> CommandFailed:
    record = look(session.client, name)
    if failed.kind == "nothing-to-retry":
        sentence = f"none of the nodes of {name} has failed or timed out, so there is nothing to retry"
        return CommandFailed(failed.code, sentence, [telling.summary(record)])
    if failed.kind == "other-plan":
        shows = f"`callboard deployments show {name} --plan` shows what it does"
        sentence = f"this is not the hash of the plan of {name}; nothing was started"
        return CommandFailed(failed.code, sentence, [f"its plan is {record.get('plan_hash')}", shows])
    state = DeploymentState(str(record.get("state")))
    why = f" ({record['reason']})" if record.get("reason") else ""
    return CommandFailed(failed.code, f"{name} {IN_STATE[state]}{why}: {_not_now(name, state, act, done)}")


def _not_now(name: str, state: DeploymentState, act: str, done: str) -> str:
    """Why this cannot be done in this state, and what can."""
    if act == "approve":
        again = "; plan it again" if state is DeploymentState.CANCELED else ""
        return f"only what is planned can be approved{again}"
    if state in _NOT_BEGUN:
        return f"it has not begun and cannot be {done}; `callboard deployments abort {name}` cancels it"
    if state is DeploymentState.CANCELED:
        return f"it never began and cannot be {done}"
    return f"it has ended and cannot be {done}"


def _verified(record: Record) -> str:
    count = telling.totals(record).get(DeliveryState.VERIFIED.value, 0)
    return f"{count} of {nodes(int(record.get('total') or 0))} verified"


def _open(record: Record) -> int:
    return telling.held_back(record) + telling.under_way(record)


def _say(session: Session, record: Record, sentence: str) -> None:
    if not session.out.as_json:
        session.out.line(f"{record.get('deployment_id')} {sentence}")
