"""What becomes of a difference between what a node should have and what it has. Pure; every change of it is made here.

| event                             | in_sync     | suspected | drifted    | given_up  | newer     |
| --------------------------------- | ----------- | --------- | ---------- | --------- | --------- |
| observed: in sync                 | stays       | `in_sync` | `in_sync`  | `in_sync` | `in_sync` |
| observed: a difference, as before | `suspected` | stays     | stays      | stays     | stays     |
| observed: another difference      | `suspected` | stays     | look now   | look now  | look now  |
| observed: on its way              | stays       | stays     | stays      | stays     | stays     |
| looked: in sync                   | stays       | `in_sync` | `in_sync`  | `in_sync` | `in_sync` |
| looked: drifted                   | `drifted`   | `drifted` | stays      | see below | `drifted` |
| looked: newer                     | `newer`     | `newer`   | `newer`    | `newer`   | stays     |
| looked: on its way                | stays       | stays     | stays      | stays     | stays     |
| the node refuses for good         | stays       | stays     | `given_up` | stays     | stays     |
| adopted by an operator            | -           | -         | `in_sync`  | `in_sync` | `in_sync` |
| overwritten by an operator        | -           | -         | `drifted`  | `drifted` | `drifted` |
| a later delivery is verified      | `in_sync`   | `in_sync` | `in_sync`  | `in_sync` | `in_sync` |

An observation may be older than the verification that it follows, so a first difference is only suspected; the look
that comes `SETTLE` later compares with what is known then. A look at a drift whose policy is to repair sends the same
order again: only to a node that is online and has no order in work, with back-off, and `MOST_REPAIRS` times. Then it is
`given_up`, and stays so until the node has something else and `CALM` has passed since the last repair. Repairs are
counted on through states of being in sync that are shorter than `CALM`, so a file that something on the node puts back
again and again is not fought over for ever. A later delivery that is verified writes the row anew. A node that names no
script at all and answers `ANSWERED_REPAIRS` repairs with having applied them does not tell what it has loaded, as some
workers do not: it is `given_up` at once, with that reason, and stands as in sync as soon as it tells.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.deployer.domain.deployments import TICK
from services.deployer.domain.desired import Desired, Drifted, Finding, Gone, InSync, Newer, OnItsWay, Want
from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import FailureCause
from shared.contracts.drift import DriftChanged, DriftKind, DriftNews, DriftPolicy, DriftState

# A beat follows what was applied within a second; this leaves time for a registry and a broker that are busy.
SETTLE = timedelta(seconds=15)
# What ten repairs, the later ones an hour apart, do not mend, somebody has to look at.
MOST_REPAIRS = 10
CALM = timedelta(hours=1)
# A beat may be late, and every node's state is told again once a minute: the third repair comes after that.
ANSWERED_REPAIRS = 3
UNTOLD = (
    "this node does not tell what it has loaded: it says that it has applied the script, and its heartbeats name none; "
    "a worker names them in `artifacts`"
)
DONE = "it said that it has applied it"
# How soon to look again when something else has to end first: it is not known when it will.
LATER = timedelta(seconds=60)

SHOWN = (DriftState.DRIFTED, DriftState.GIVEN_UP, DriftState.NEWER)
_LACKING = (DriftState.DRIFTED, DriftState.GIVEN_UP)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Of a look: whether the node is online, has an order in work, and names no script at all.

    `wait` is how long until repair number n + 1.
    """

    online: bool
    busy: bool
    wait: Callable[[int], timedelta]
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """The row after an event, None: nothing is left to remember; what is announced; whether to send the order."""

    row: Desired | None
    news: DriftNews | None = None
    order: bool = False


def noted(row: Desired, finding: Finding, now: datetime, *, settle: timedelta, came_online: bool) -> Step:
    """After an observation of the node."""
    match finding:
        case OnItsWay():
            return Step(row)
        case Gone():
            return Step(None)
        case InSync():
            return _settled(row)
        case Drifted() | Newer():
            return Step(_differs(row, finding, now, settle=settle, came_online=came_online))


def looked(row: Desired, finding: Finding, there: Circumstances, now: datetime) -> Step:
    """After a comparison with everything that is known of the node."""
    match finding:
        case OnItsWay():
            return Step(replace(row, look_at=now + LATER))
        case Gone():
            return Step(None)
        case InSync():
            return _settled(row)
        case Newer():
            news = None if row.state is DriftState.NEWER else DriftNews.FOUND
            since = now if row.since is None or row.state in _LACKING else row.since
            after = _with(row, finding, state=DriftState.NEWER, since=since, look_at=None)
            return Step(replace(after, insisted=False, heard=None), news)
        case Drifted():
            return _drifted(row, finding, there, now)


def refused(row: Desired, attempt: int, cause: FailureCause | None, reason: str | None) -> Step:
    """After the node's report that it could not apply the order of a repair."""
    if row.state is not DriftState.DRIFTED or row.want is None or attempt < row.want.attempt:
        return Step(row)
    heard = replace(row, heard=reason or (cause.value if cause else None))
    if cause is not None and cause.retryable:
        return Step(heard)
    return _given_up(heard, f"the node refuses it: {heard.heard}")


def done(row: Desired, attempt: int) -> Step:
    """After the node's report that it has applied the order of a repair; only its beats prove it."""
    if row.state is not DriftState.DRIFTED or row.want is None or attempt < row.want.attempt:
        return Step(row)
    return Step(replace(row, heard=DONE))


def adopted(row: Desired, artifact: Artifact, delivery_id: str, ordered_at: datetime) -> Step:
    """What the node has, by this order, is what it should have from now on."""
    policy = row.want.policy if row.want else DriftPolicy.REPAIR
    quiet = replace(_quiet(row), repairs=0, repair_after=None)
    return Step(replace(quiet, want=Want(artifact, delivery_id, ordered_at, 1, policy)), DriftNews.ADOPTED)


def overwritten(row: Desired, want: Want, delivery_id: str, now: datetime) -> Step:
    """What is desired goes to the node again, as an order that is later than whatever the node has."""
    ordered = want.ordered_at
    if row.found is not None and row.found.ordered_at is not None:
        ordered = max(ordered, row.found.ordered_at)
    again = replace(want, delivery_id=delivery_id, ordered_at=max(now, ordered + TICK), attempt=0)
    fresh = replace(row, want=again, insisted=True, repairs=0, repair_after=None, heard=None, look_at=now)
    return Step(replace(fresh, state=DriftState.DRIFTED, kind=row.kind or DriftKind.OTHER))


def announcement(row: Desired, news: DriftNews, now: datetime) -> DriftChanged:
    """The event."""
    want = row.want
    return DriftChanged(
        node_id=row.node_id,
        script_id=row.script_id,
        change=news,
        state=row.state,
        kind=row.kind,
        policy=want.policy if want else None,
        desired=want.artifact if want and not want.removes else None,
        found=row.found,
        repairs=row.repairs,
        reason=row.reason,
        since=row.since,
        at=now,
    )


def _differs(row: Desired, finding: Drifted | Newer, now: datetime, *, settle: timedelta, came_online: bool) -> Desired:
    if row.state is DriftState.IN_SYNC:
        return _with(row, finding, state=DriftState.SUSPECTED, since=now, look_at=now + settle)
    if row.state is DriftState.SUSPECTED:
        return row
    waits_for_node = row.state is DriftState.DRIFTED and row.look_at is None and came_online
    return replace(row, look_at=now) if waits_for_node or not _as_before(row, finding) else row


def _drifted(row: Desired, finding: Drifted, there: Circumstances, now: datetime) -> Step:
    if row.state is DriftState.GIVEN_UP and (_as_before(row, finding) or not _calm(row, now)):
        return Step(_with(row, finding, state=DriftState.GIVEN_UP, look_at=None))
    since = now if row.since is None or row.state is DriftState.NEWER else row.since
    base = _with(row, finding, state=DriftState.DRIFTED, since=since, look_at=None)
    news = None if row.state in _LACKING else DriftNews.FOUND
    want = base.want
    if want is None or not (base.insisted or want.policy is DriftPolicy.REPAIR) or not there.online:
        return Step(base, news)
    if there.busy:
        return Step(replace(base, look_at=now + LATER), news)
    if base.repair_after is not None and now < base.repair_after:
        return Step(replace(base, look_at=base.repair_after), news)
    if there.silent and base.heard == DONE and base.repairs >= ANSWERED_REPAIRS:
        return _given_up(base, UNTOLD)
    if _calm(base, now):
        base = replace(base, repairs=0)
    if base.repairs >= MOST_REPAIRS:
        last = f"; the last that was heard: {base.heard}" if base.heard else ""
        return _given_up(base, f"{base.reason}; {base.repairs} repairs did not help{last}")
    after = now + there.wait(base.repairs)
    sent = replace(
        base, want=replace(want, attempt=want.attempt + 1), repairs=base.repairs + 1, repair_after=after, look_at=after
    )
    return Step(sent, news, order=True)


def _settled(row: Desired) -> Step:
    if row.state is DriftState.IN_SYNC:
        return Step(row)
    return Step(_quiet(row), DriftNews.REPAIRED if row.state in SHOWN else None)


def _quiet(row: Desired) -> Desired:
    """In sync; how often it was repaired, and when, is remembered."""
    return Desired(row.node_id, row.script_id, row.want, repairs=row.repairs, repair_after=row.repair_after)


def _given_up(row: Desired, reason: str) -> Step:
    ended = replace(row, state=DriftState.GIVEN_UP, reason=reason, look_at=None, insisted=False)
    return Step(ended, DriftNews.GIVEN_UP)


def _with(row: Desired, finding: Drifted | Newer, *, state: DriftState, **changes: datetime | None) -> Desired:
    kind = finding.kind if isinstance(finding, Drifted) else None
    # Why it was given up is said once, and says more than that it still is as it was.
    same = row.state is state is DriftState.GIVEN_UP and _as_before(row, finding)
    reason = row.reason if same else finding.reason
    return replace(row, state=state, kind=kind, found=finding.found, reason=reason, **changes)  # type: ignore[arg-type]


def _as_before(row: Desired, finding: Drifted | Newer) -> bool:
    if isinstance(finding, Newer):
        return row.state is DriftState.NEWER and finding.found == row.found
    return row.state in _LACKING and (finding.kind, finding.found) == (row.kind, row.found)


def _calm(row: Desired, now: datetime) -> bool:
    return row.repair_after is None or now >= row.repair_after + CALM
