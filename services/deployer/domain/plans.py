"""A deployment's plan: for each node its group, what it has now, what it will have, and what it loses. Pure.

The first groups get the nodes that are online: a canary that sleeps holds up everything and proves nothing. The hash
names the whole plan, so what somebody has approved is what is executed.

What a node has is what it said last. Its beats say what it has loaded, and so do its answers to orders; an answer may
be a moment ahead of the beat that follows it. A beat names the order that each script came with, so an answer to a
later order is the later word, unless what was observed since has contradicted it (drift). Of a node that names no
script any more, what it should have counts as what it had.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployments import Deployment, Effect, Group
from services.deployer.domain.desired import Desired
from services.deployer.domain.nodes import Node
from services.deployer.domain.rollout import Rollout, group_sizes
from services.deployer.domain.takeovers import losers
from services.deployer.domain.windows import zone_of
from shared.contracts.artifacts import Artifact
from shared.contracts.bindings import EVERYONE, Bindings
from shared.contracts.drift import DriftState
from shared.contracts.identifiers import content_hash

# An observation may be older than the answer that it contradicts: so far it is only suspected.
_BELIEVED = (DriftState.IN_SYNC, DriftState.SUSPECTED)


class Part(BaseModel):
    """A part of a plan; newer ones may have more."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Had(Part):
    """A script on a node: its version (null: one that was not delivered from here), hash, and who plays it.

    `accounts` is `"all"` for every account that has no script of its own.
    """

    version: int | None
    hash: str | None
    accounts: tuple[str, ...] | str = ()


class Lost(Part):
    """A script that accounts of the node stop playing; `gone` when nobody there plays it any more."""

    script_id: str
    accounts: tuple[str, ...] | str
    gone: bool


class PlanEntry(Part):
    """One node of a plan; groups are counted from 1. `zone` is the time zone of its maintenance window.

    `has` and `will_have` are None where nothing of the script is there. `before`: who played what, where that changes.
    """

    node_id: str
    group: int
    has: Had | None
    will_have: Had | None
    loses: tuple[Lost, ...] = ()
    zone: str | None = None
    before: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node runs of the script by its answer to an order, None: nothing; `doubted` by what was observed since."""

    artifact: Artifact | None
    ordered_at: datetime
    doubted: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of nodes beside what their beats say: who plays what, and their newest answers about the script."""

    bindings: Mapping[str, Bindings] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)


def newest_answers(rows: Iterable[Desired], applied: Iterable[Delivery]) -> dict[str, Answer]:
    """The newest answer of each node: to an order that was verified, or that is applied and not verified (yet)."""
    found = {
        row.node_id: Answer(None if row.want.removes else row.want.artifact, row.want.ordered_at,
                            doubted=row.state not in _BELIEVED)
        for row in rows
        if row.want is not None
    }  # fmt: skip
    for one in applied:
        before = found.get(one.node_id)
        if before is None or before.ordered_at <= one.created_at:
            found[one.node_id] = Answer(None if one.removes else one.artifact, one.created_at)
    return found


def planned_entries(effect: Effect, rollout: Rollout, nodes: Iterable[Node], known: Known) -> list[PlanEntry]:
    """The plan, by group and node id."""
    ordered = sorted(nodes, key=lambda node: (not node.online, node.node_id))
    groups = [number for number, size in enumerate(group_sizes(rollout.groups, len(ordered)), 1) for _ in range(size)]
    entries = [_entry(effect, rollout, node, known, group) for node, group in zip(ordered, groups, strict=True)]
    return sorted(entries, key=lambda entry: (entry.group, entry.node_id))


@dataclass(frozen=True, slots=True)
class Difference:
    """A node that is not any more as it was planned."""

    planned: PlanEntry
    now: PlanEntry

    def __str__(self) -> str:
        before, after = _told(self.planned.has), _told(self.now.has)
        if before != after:
            return f"it had {before} when this was planned, and has {after} now"
        return "its accounts play something else than when this was planned"


def differences(planned: Iterable[PlanEntry], now: Iterable[PlanEntry]) -> list[Difference]:
    """The nodes that have something else now, or play it with other accounts; both are by the same nodes."""
    as_now = {entry.node_id: entry for entry in now}
    pairs = [Difference(entry, as_now[entry.node_id]) for entry in planned if entry.node_id in as_now]
    return [pair for pair in pairs if (pair.planned.has, pair.planned.before) != (pair.now.has, pair.now.before)]


def _told(had: Had | None) -> str:
    if had is None:
        return "nothing of the script"
    return f"version {had.version}" if had.version is not None else f"the unknown {had.hash}"


def groups_of(entries: Sequence[PlanEntry]) -> tuple[Group, ...]:
    """The groups, nothing of them begun."""
    sizes: dict[int, int] = {}
    for entry in entries:
        sizes[entry.group] = sizes.get(entry.group, 0) + 1
    return tuple(Group(sizes[number]) for number in sorted(sizes))


def plan_hash(deployment: Deployment, entries: Sequence[PlanEntry]) -> str:
    """The name of exactly this plan: what, with which policy, to whom, and what it changes there."""
    whole = {
        "artifact": deployment.artifact.model_dump(mode="json"),
        "bind": deployment.bind,
        "removes": deployment.removes,
        "rollout": deployment.rollout.model_dump(mode="json", by_alias=True),
        "entries": [entry.model_dump(mode="json") for entry in entries],
    }
    return content_hash(json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def _entry(effect: Effect, rollout: Rollout, node: Node, known: Known, group: int) -> PlanEntry:
    artifact, before = effect.artifact, known.bindings.get(node.node_id, {})
    after = effect.rebound(before)
    loaded = _said_last(node, artifact.id, known.answers.get(node.node_id))
    has = None
    if loaded is not None:
        has = Had(version=loaded.version, hash=loaded.hash, accounts=players(before, artifact.id))
    will_have = Had(version=artifact.version, hash=artifact.hash, accounts=players(after, artifact.id))
    return PlanEntry(
        node_id=node.node_id,
        group=group,
        has=has,
        will_have=None if effect.removes else will_have,
        loses=tuple(_losses(before, after, artifact.id)),
        zone=zone_of(rollout.window, node.time_zone),
        before=dict(before) if effect.binds else None,
    )


def _said_last(node: Node, script_id: str, answer: Answer | None) -> Artifact | None:
    loaded = node.loaded(script_id)
    if loaded is None or answer is None:
        return loaded if answer is None else answer.artifact
    is_later = loaded.ordered_at is not None and loaded.ordered_at < answer.ordered_at
    return answer.artifact if is_later and not answer.doubted else loaded


def players(bindings: Bindings, script_id: str) -> tuple[str, ...] | str:
    """Who plays the script: `"all"` or account ids."""
    found = tuple(sorted(account for account, script in bindings.items() if script == script_id))
    return "all" if EVERYONE in found else found


def _losses(before: Bindings, after: Bindings, script_id: str) -> Iterable[Lost]:
    for loser, accounts in sorted(losers(before, after, script_id).items()):
        told = "all" if EVERYONE in accounts else tuple(accounts)
        yield Lost(script_id=loser, accounts=told, gone=not players(after, loser))
