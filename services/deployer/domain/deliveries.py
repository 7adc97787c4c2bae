"""A delivery and its life: one artifact on its way to one node. Pure; every change of a delivery is made here.

| event                                   | pending    | sent       | received             | applied    |
| --------------------------------------- | ---------- | ---------- | -------------------- | ---------- |
| due before its deadline (it is sent)    | `sent`     | stays      | stays                | stays      |
| due, and the broker is away             | stays      | stays      | stays                | stays      |
| due at its deadline or later            | `timed_out`| `timed_out`| `timed_out`          | `timed_out`|
| due, its step took too long, node online| `sent`     | `timed_out`| `timed_out`          | `timed_out`|
| released                                | due at once| stays      | stays                | stays      |
| held back                               | due at its deadline | stays | stays            | stays      |
| reported: received                      | `received` | `received` | stays                | stays      |
| reported: our hash loaded, tests passed | `applied`, then `verified` | same | same      | `verified` |
| reported: our hash loaded, tests failed | `applied`  | `applied`  | `applied`            | stays      |
| reported: another hash loaded           | stays      | stays      | stays                | stays      |
| reported: failed, worth another attempt | stays      | stays      | stays                | stays      |
| reported: too late, the last attempt, and it has a window | stays | `pending`, held back | same | same |
| reported: failed for good               | `failed`   | `failed`   | `failed`             | `failed`   |
| observed: our hash loaded, tests passed | stays      | stays      | `applied`, `verified`| `verified` |
| observed: anything else                 | stays      | stays      | stays                | stays      |
| superseded / canceled                   | the final state of that name, from every state of these          |

In a final state nothing changes any more. An attempt's failure counts once, however often it is reported, and one more
than the policy's retries of its cause are a failure for good.

A delivery that is held back waits for its rollout to release it: it is not sent, whatever else happens, and its
deadline is its timer. One that its node got to only after the window is held back again: the rollout releases it
when the next one opens. The clock of a step (`entered_at`) begins with the step and begins anew when the node comes
back; while the node is offline no step is too long, only the deadline ends it.

An observation verifies only what the node has acknowledged: from then on the order is in the node's ledger and
cannot get lost. Before that, the same hash may be what the node ran for an earlier order, and a rollout that
goes back to an old version would count as done while the newer version still runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.deployer.domain.rollout import DEFAULT_LIMITS, RETRIES, Limits, Timers
from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import FailureCause
from shared.contracts.deployments import DeliveryState

MOST_FAILED_ATTEMPTS = RETRIES + 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """One artifact to one node. `attempts` counts the orders sent, `next_attempt_at` is when one is due again.

    `group` is counted from 1. `zone` is the time zone of its maintenance window, if there is one. One that is not
    `released` is held back. `entered_at` is when the clock of its present step began. One that `removes` is an order to
    remove the script: its artifact is the version that is known to be there, and "our hash loaded" in the table means
    that nothing of the script is.
    """

    id: str
    deployment_id: str
    node_id: str
    artifact: Artifact
    next_attempt_at: datetime
    deadline_at: datetime
    created_at: datetime
    updated_at: datetime
    entered_at: datetime
    state: DeliveryState = DeliveryState.PENDING
    reason: str | None = None
    cause: FailureCause | None = None
    attempts: int = 0
    failed_attempts: tuple[int, ...] = ()
    reported_hash: str | None = None
    group: int = 1
    zone: str | None = None
    released: bool = True
    limits: Limits = DEFAULT_LIMITS
    removes: bool = False

    @property
    def wanted_hash(self) -> str | None:
        """What its node has to have loaded of the script."""
        return None if self.removes else self.artifact.hash


@dataclass(frozen=True, slots=True)
class Due:
    """Its time has come. `again_at` is when it is due once more if nothing is heard until then.

    While the broker is away nothing is sent: an attempt that goes nowhere would only make the pauses longer.
    """

    again_at: datetime
    node_online: bool = True
    broker_away: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """Its rollout lets it go."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Its rollout is paused: what was not sent yet waits."""


@dataclass(frozen=True, slots=True)
class NodeOnline:
    """Its node came (back): do not wait for the back-off."""


@dataclass(frozen=True, slots=True)
class Received:
    """The node has it in its ledger."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The node has done it and runs `loaded_hash` now."""

    loaded_hash: str | None
    tests_passed: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """The node could not do it in this attempt. `again_at` is when the next one would be due."""

    attempt: int
    cause: FailureCause | None
    reason: str | None
    again_at: datetime


@dataclass(frozen=True, slots=True)
class Observed:
    """What the node runs for this script according to the registry; None: nothing."""

    loaded_hash: str | None
    tests_passed: bool


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer deployment of the same script has taken the node over."""

    by: str


@dataclass(frozen=True, slots=True)
class Canceled:
    """Somebody called it off."""

    reason: str


Event = Due | Released | HeldBack | NodeOnline | Received | Applied | Failed | Observed | Superseded | Canceled


@dataclass(frozen=True, slots=True)
class Move:
    """What an event made of a delivery: how it is now, and the states it entered on the way, in order."""

    delivery: Delivery
    entered: tuple[DeliveryState, ...] = ()


def moved(delivery: Delivery, event: Event, now: datetime) -> Move:
    """Apply the table above. The same object comes back when nothing changed."""
    if delivery.state.final:
        return Move(delivery)
    change = _changed(delivery, event, now)
    if change.delivery == delivery:
        return Move(delivery)
    after = replace(change.delivery, updated_at=now)
    if change.entered and not after.state.final:
        after = replace(after, entered_at=now)
        after = replace(after, next_attempt_at=_not_too_late(after, after.next_attempt_at))
    return Move(after, change.entered)


def _changed(delivery: Delivery, event: Event, now: datetime) -> Move:
    match event:
        case Due():
            return _due(delivery, event, now)
        case Released():
            return Move(delivery if delivery.released else replace(_at_once(delivery, now), released=True))
        case HeldBack():
            unsent = delivery.state is DeliveryState.PENDING and delivery.released
            held = replace(delivery, released=False, next_attempt_at=delivery.deadline_at) if unsent else delivery
            return Move(held)
        case NodeOnline():
            return Move(_at_once(delivery, now) if delivery.released else delivery)
        case Received():
            return _risen(delivery, DeliveryState.RECEIVED)
        case Applied():
            return _applied(delivery, event)
        case Failed():
            return _failed(delivery, event)
        case Observed():
            return _observed(delivery, event)
        case Superseded(by):
            return _ended(delivery, DeliveryState.SUPERSEDED, f"deployment {by} is newer")
        case Canceled(reason):
            return _ended(delivery, DeliveryState.CANCELED, reason)


def _at_once(delivery: Delivery, now: datetime) -> Delivery:
    return replace(delivery, next_attempt_at=min(now, delivery.next_attempt_at), entered_at=now)


def _due(delivery: Delivery, event: Due, now: datetime) -> Move:
    if now >= delivery.deadline_at:
        return _ended(delivery, DeliveryState.TIMED_OUT, _too_late(delivery))
    if not delivery.released:
        return Move(replace(delivery, next_attempt_at=delivery.deadline_at))
    step_ends = _step_ends(delivery)
    if event.node_online and step_ends is not None and now >= step_ends:
        return _ended(delivery, DeliveryState.TIMED_OUT, _step_too_long(delivery))
    again_at = min(event.again_at, delivery.deadline_at)
    if event.node_online:
        again_at = _not_too_late(delivery, again_at)
    if event.broker_away:
        return Move(replace(delivery, next_attempt_at=again_at))
    sent = replace(delivery, attempts=delivery.attempts + 1, next_attempt_at=again_at)
    return _risen(sent, DeliveryState.SENT)


def _too_late(delivery: Delivery) -> str:
    if not delivery.released:
        return "not sent before its deadline: its rollout held it back"
    last = f"; the last that was heard: {delivery.reason}" if delivery.reason else ""
    return f"not verified before its deadline, {delivery.attempts} attempts were made{last}"


def _step_too_long(delivery: Delivery) -> str:
    seconds = _STEP_SECONDS[delivery.state](delivery.limits.timers)
    last = f"; the last that was heard: {delivery.reason}" if delivery.reason else ""
    return f"{delivery.state.value} for {seconds} s while its node was online, {_STEPS[delivery.state]}{last}"


def _step_ends(delivery: Delivery) -> datetime | None:
    """When the present step has taken too long, if its node is online; None where only the deadline counts."""
    seconds = _STEP_SECONDS[delivery.state](delivery.limits.timers)
    return None if seconds is None else delivery.entered_at + timedelta(seconds=seconds)


def _applied(delivery: Delivery, event: Applied) -> Move:
    heard = replace(delivery, reported_hash=event.loaded_hash)
    if event.loaded_hash != delivery.wanted_hash:
        return Move(replace(heard, reason=f"the node applied it but runs {event.loaded_hash or 'no such script'}"))
    return _loaded(heard, tests_passed=event.tests_passed or delivery.removes)


def _observed(delivery: Delivery, event: Observed) -> Move:
    heard = replace(delivery, reported_hash=event.loaded_hash)
    acknowledged = delivery.state in (DeliveryState.RECEIVED, DeliveryState.APPLIED)
    if acknowledged and event.tests_passed and event.loaded_hash == delivery.wanted_hash:
        return _loaded(heard, tests_passed=True)
    return Move(heard)


def _loaded(delivery: Delivery, tests_passed: bool) -> Move:
    applied = _risen(delivery, DeliveryState.APPLIED)
    if not tests_passed:
        return _because(applied, reason="loaded, but the script's own tests did not pass on the node")
    verified = replace(applied.delivery, state=DeliveryState.VERIFIED, reason=None, cause=None)
    return Move(verified, (*applied.entered, DeliveryState.VERIFIED))


def _failed(delivery: Delivery, event: Failed) -> Move:
    if event.cause is FailureCause.TOO_LATE and delivery.zone is not None:
        return _for_the_next_window(delivery, event)
    told = replace(delivery, cause=event.cause, reason=event.reason)
    retries = 0 if event.cause is None else delivery.limits.retries_of(event.cause)
    if event.cause is None or retries == 0:
        return _ended(told, DeliveryState.FAILED, event.reason)
    if event.attempt in delivery.failed_attempts:
        return Move(delivery)
    told = replace(
        told,
        failed_attempts=(*delivery.failed_attempts, event.attempt),
        next_attempt_at=_not_too_late(delivery, event.again_at),
    )
    failures = len(told.failed_attempts)
    if failures <= retries:
        return Move(told)
    reason = f"failed in {failures} attempts, the last time: {event.reason or event.cause.value}"
    return _ended(told, DeliveryState.FAILED, reason)


def _for_the_next_window(delivery: Delivery, event: Failed) -> Move:
    # The answer to an earlier attempt says nothing about the one that is under way.
    if delivery.state is DeliveryState.PENDING or event.attempt != delivery.attempts:
        return Move(delivery)
    held = replace(
        delivery,
        state=DeliveryState.PENDING,
        released=False,
        next_attempt_at=delivery.deadline_at,
        cause=event.cause,
        reason=event.reason,
    )
    return Move(held, (DeliveryState.PENDING,))


def _risen(delivery: Delivery, state: DeliveryState) -> Move:
    if _RANK[delivery.state] >= _RANK[state]:
        return Move(delivery)
    return Move(replace(delivery, state=state), (state,))


def _ended(delivery: Delivery, state: DeliveryState, reason: str | None) -> Move:
    return Move(replace(delivery, state=state, reason=reason), (state,))


def _because(move: Move, *, reason: str) -> Move:
    return replace(move, delivery=replace(move.delivery, reason=reason))


def _not_too_late(delivery: Delivery, at: datetime) -> datetime:
    # The deadline and a step's end are due times like any other, so that one index and one timer serve all.
    step_ends = _step_ends(delivery)
    return min(at, delivery.deadline_at) if step_ends is None else min(at, delivery.deadline_at, step_ends)


_RANK = {
    DeliveryState.PENDING: 0,
    DeliveryState.SENT: 1,
    DeliveryState.RECEIVED: 2,
    DeliveryState.APPLIED: 3,
}
_STEP_SECONDS: Mapping[DeliveryState, Callable[[Timers], int | None]] = {
    DeliveryState.PENDING: lambda _: None,
    DeliveryState.SENT: lambda timers: timers.receive_seconds,
    DeliveryState.RECEIVED: lambda timers: timers.apply_seconds,
    DeliveryState.APPLIED: lambda timers: timers.verify_seconds,
}
_STEPS = {
    DeliveryState.SENT: "and not received",
    DeliveryState.RECEIVED: "and not applied",
    DeliveryState.APPLIED: "and not verified",
}
