"""What becomes of an order to load an artifact: whether it is applied, answered, or refused.

| the ledger says of this delivery                                            | verdict                              |
| --------------------------------------------------------------------------- | ------------------------------------ |
| unknown                                                                     | apply                                |
| unknown, and called off before                                              | nothing: dropped without an answer   |
| unknown, but a version ordered later is loaded, or has come and failed      | answer: failed, a later order stands |
| failed, and a version ordered later has come                                | the same                             |
| received, not done yet                                                      | answer: received                     |
| failed, and this is a later attempt                                         | apply                                |
| failed                                                                      | answer as before                     |
| applied, and it should be loaded, but is not, or its file was damaged since | apply                                |
| applied                                                                     | answer, with what is loaded now      |

An order to remove a script is an order like any other: what it leads to is that the script is not loaded. "Ordered
later" is by `issued_at`: going back to an older version is a new order. Pure; `TakeDelivery` acts on it.
"""

from dataclasses import dataclass
from datetime import datetime

from shared.contracts.artifacts import AppliedArtifact, FileState
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome, FailureCause, RemoveArtifact

Order = DeliverArtifact | RemoveArtifact


@dataclass(frozen=True)
class Applied:
    """The artifact is loaded."""

    tests_passed: bool


@dataclass(frozen=True)
class Failed:
    """The artifact is not loaded; what was loaded before still is. Ledgers have some that are older than causes."""

    cause: FailureCause | None
    reason: str


@dataclass(frozen=True)
class Delivery:
    """A delivery in the ledger; `result` is None until it was tried."""

    order: Order
    result: Applied | Failed | None = None


@dataclass(frozen=True)
class StoredArtifact:
    """The version of a script that this node should run, and the order that said so; `removed`: should not."""

    artifact: AppliedArtifact
    delivery_id: str
    issued_at: datetime
    removed: bool = False


@dataclass(frozen=True)
class NewestOrder:
    """The order of a script that was issued last of all that have come, whatever became of it."""

    delivery_id: str
    issued_at: datetime


@dataclass(frozen=True)
class Apply:
    """Put the order into the ledger and apply it."""


@dataclass(frozen=True)
class Answer:
    """Nothing to apply: tell what the ledger has."""

    delivery: Delivery


@dataclass(frozen=True)
class Overtaken:
    """A version ordered later is loaded already."""

    reason: str


def judged(
    order: Order,
    known: Delivery | None,
    current: StoredArtifact | None,
    loaded: AppliedArtifact | None,
    newest: NewestOrder | None = None,
) -> Apply | Answer | Overtaken:
    """The verdict on an order. `current`, `loaded` and `newest` are of the same script id."""
    if known is None:
        return overtaken(order, current) or held_back(order, current, newest) or Apply()
    match known.result:
        case Failed() if order.attempt > known.order.attempt:
            return held_back(order, current, newest) or Apply()
        case Applied() if (
            current is not None and current.delivery_id == order.delivery_id and _damaged(current, loaded)
        ):
            return Apply()
        case _:
            return Answer(known)


def _damaged(current: StoredArtifact, loaded: AppliedArtifact | None) -> bool:
    """Whether what should be loaded is not, or would not be after a restart; or what should be gone is not."""
    if current.removed:
        return loaded is not None
    if loaded is None or loaded.hash != current.artifact.hash:
        return True
    return loaded.file in (FileState.ALTERED, FileState.MISSING)


def overtaken(order: Order, current: StoredArtifact | None) -> Overtaken | None:
    """Whether what was ordered later than this is the node's already."""
    if current is None or order.issued_at >= current.issued_at:
        return None
    what = "its removal" if current.removed else f"version {current.artifact.version}"
    return Overtaken(
        f"{what}, ordered later ({current.issued_at.isoformat()}), stands; order this again to go back to it"
    )


def held_back(order: Order, current: StoredArtifact | None, newest: NewestOrder | None) -> Overtaken | None:
    """Whether an order was kept somewhere and comes after a later one, which failed here.

    The order that led to what is loaded may always come again: it repairs.
    """
    if newest is None or order.issued_at >= newest.issued_at:
        return None
    if current is not None and current.delivery_id == order.delivery_id:
        return None
    return Overtaken(
        f"a version ordered later ({newest.issued_at.isoformat()}) has come before it; order this version again"
    )


def too_late(order: Order, now: datetime) -> Failed | None:
    """Whether the time for which the order was sent is over, as when the node slept through it."""
    if order.apply_before is None or now < order.apply_before:
        return None
    here, there = now.isoformat(timespec="seconds"), order.apply_before.isoformat(timespec="seconds")
    return Failed(FailureCause.TOO_LATE, f"it was to be applied before {there} and it is {here} here")


def outcome_of(delivery: Delivery) -> DeliveryOutcome:
    """How far a delivery has come."""
    match delivery.result:
        case None:
            return DeliveryOutcome.RECEIVED
        case Applied():
            return DeliveryOutcome.APPLIED
        case Failed():
            return DeliveryOutcome.FAILED


def mistaken(order: Order) -> str | None:
    """What is wrong with an order that can never be applied, or None."""
    if isinstance(order, DeliverArtifact) and (order.content is None) == (order.url is None):
        return "give exactly one of content and url"
    return None
