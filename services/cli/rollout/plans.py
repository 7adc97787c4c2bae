"""A plan as it is read before it is approved: node by node, what it takes from others, and the command that starts it.

The whole plan is read, so that what it ends is counted to the last node even where only the first hundred are shown.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from services.cli import takeovers
from services.cli.client import PAGE, Client, segment
from services.cli.command import Session
from services.cli.identifiers import DEPLOYMENT
from services.cli.paths import DEPLOYMENTS
from services.cli.rollout.telling import nodes
from services.cli.table import Column, Record
from shared.contracts.deployments import DeploymentState

# Enough to compare by eye.
_HASH = slice(len("sha256:"), len("sha256:") + 12)


def _version(had: Record | None) -> str:
    """`2`; the hash of what was not delivered from here."""
    if not had:
        return "-"
    return str(had["version"]) if had.get("version") is not None else f"unknown {str(had.get('hash'))[_HASH]}"


def _accounts(accounts: Any) -> str:
    return accounts if isinstance(accounts, str) else ", ".join(accounts or []) or "nobody"


def _players(entry: Record) -> str:
    # Without --bind nothing changes about it, and the deployer does not look it up.
    if entry["will_have"] is not None and not entry["will_have"].get("accounts"):
        return "as they are"
    before, after = (_accounts((had or {}).get("accounts")) for had in (entry["has"], entry["will_have"]))
    return after if before == after else f"{before} → {after}"


def _losses(entry: Record) -> str:
    return "; ".join(
        f"{lost['script_id']}: {_accounts(lost['accounts'])}{' (then nobody plays it)' if lost['gone'] else ''}"
        for lost in entry.get("loses") or []
    )


COLUMNS = (
    Column("node", "node_id"),
    Column("group", "group"),
    Column("has", lambda entry: _version(entry["has"])),
    Column("will have", lambda entry: _version(entry["will_have"])),
    Column("accounts", _players, folds=16),
    Column("loses", _losses, folds=20),
)
# Only a maintenance window asks for it.
ZONE = Column("time zone", "time_zone", spare=1)


def show(session: Session, deployment_id: str, most: int | None, planned: Record | None = None) -> None:
    """Show the plan of a deployment; `planned` is what the deployer answered when it was made just now."""
    plan = whole_plan(session.client, deployment_id)
    if session.out.as_json:
        session.out.json({**plan, "takes_over": (planned or {}).get("takes_over")} if planned else plan)
        return
    entries = plan["items"]
    in_zones = any(entry.get("time_zone") for entry in entries)
    session.out.table(entries[:most], [*COLUMNS, *([ZONE] if in_zones else [])])
    if most is not None and len(entries) > most:
        session.out.note(f"these are {most} of {nodes(len(entries))}: say --all, or a higher --limit")
    for sentence in [*sums(entries), *takeovers.overlaps(planned or {})]:
        session.out.note(sentence)
    if plan.get("state") == DeploymentState.PLANNED:
        session.out.note("nothing was sent to any node; for 24 hours this approves exactly this plan:")
        session.out.line(f"callboard deployments approve {deployment_id} {plan.get('plan_hash')}")
    else:
        session.out.note(f"this plan is {plan.get('plan_hash')}; its deployment is {plan.get('state')}")


def whole_plan(client: Client, deployment_id: str) -> Record:
    """The plan with the entries of all its nodes."""
    path = f"{DEPLOYMENTS}/{segment(deployment_id)}/plan"
    missing = DEPLOYMENT.missing(deployment_id)
    plan = client.get(path, {"limit": PAGE}, missing=missing)
    entries, cursor = list(plan.get("items") or []), plan.get("next_cursor")
    while cursor:
        page = client.get(path, {"limit": PAGE, "cursor": cursor}, missing=missing)
        entries += page.get("items") or []
        # A cursor that does not move would go round for ever.
        cursor = page.get("next_cursor") if page.get("next_cursor") != cursor else None
    return {**plan, "items": entries, "next_cursor": None}


def sums(entries: Sequence[Record]) -> Iterator[str]:
    """The whole plan in a few sentences: how many nodes change, in which groups, and what is lost on how many."""
    same = sum(_version(one["has"]) == _version(one["will_have"]) for one in entries)
    new = sum(one["has"] is None and one["will_have"] is not None for one in entries)
    gone = sum(one["has"] is not None and one["will_have"] is None for one in entries)
    already = "have nothing of it" if any(one["will_have"] is None for one in entries) else "have this version already"
    parts = [
        f"{new} get it for the first time" if new else "",
        f"{gone} lose it" if gone else "",
        f"{same} {already}" if same else "",
    ]
    yield "; ".join(filter(None, (f"{nodes(len(entries))} in {_groups(entries)}", *parts)))
    for script in sorted({lost["script_id"] for one in entries for lost in one.get("loses") or []}):
        losses = [lost for one in entries for lost in one.get("loses") or [] if lost["script_id"] == script]
        gone = sum(lost["gone"] for lost in losses)
        ends = f"; on {nodes(gone)} nobody plays it any more" if gone else ""
        yield f"{script} loses accounts on {nodes(len(losses))}{ends}"


def _groups(entries: Sequence[Record]) -> str:
    sizes: dict[int, int] = {}
    for one in entries:
        sizes[one["group"]] = sizes.get(one["group"], 0) + 1
    listed = ", ".join(str(sizes[group]) for group in sorted(sizes))
    return "1 group" if len(sizes) == 1 else f"{len(sizes)} groups of {listed}"
