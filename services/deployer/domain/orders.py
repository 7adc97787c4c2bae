"""The order that goes to a node: content that is small enough travels in it, larger content by a URL.

`issued_at` is when the deployment was ordered, the same for every attempt: a late attempt of an older deployment
must not look newer than the one that superseded it.
"""

from collections.abc import Callable
from datetime import datetime

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.delivery_rows import DueDelivery
from services.deployer.domain.desired import Want
from services.deployer.domain.rollout import Window
from services.deployer.domain.scripts import ScriptVersion
from services.deployer.domain.windows import closes
from shared.contracts.bindings import Bindings
from shared.contracts.deliveries import INLINE_LIMIT, DeliverArtifact, RemoveArtifact

UrlOf = Callable[[str], str]
Order = DeliverArtifact | RemoveArtifact


def order(due: DueDelivery, delivery: Delivery, script: ScriptVersion, url_of: UrlOf, now: datetime) -> Order:
    """The order for the delivery's present attempt. `url_of` makes an authorised URL of a content's hash."""
    whole = None if due.bindings is None else dict(due.bindings)
    if delivery.removes:
        return RemoveArtifact(
            node_id=delivery.node_id,
            delivery_id=delivery.id,
            attempt=delivery.attempts,
            removes=delivery.artifact,
            bindings=whole,
            issued_at=delivery.created_at,
            apply_before=applied_before(delivery, due.window, now),
        )
    inline = script.info.size <= INLINE_LIMIT
    return DeliverArtifact(
        node_id=delivery.node_id,
        delivery_id=delivery.id,
        attempt=delivery.attempts,
        artifact=delivery.artifact,
        size=script.info.size,
        content=script.body if inline else None,
        url=None if inline else url_of(delivery.artifact.hash),
        bind=due.bind if whole is None else None,
        bindings=whole,
        issued_at=delivery.created_at,
        apply_before=applied_before(delivery, due.window, now),
    )


def applied_before(delivery: Delivery, window: Window | None, now: datetime) -> datetime:
    """The end of the time for which an order is sent: its window's, and its deadline at the latest.

    An order that is sent again after its window was closed carries the end of that window: the node answers whether it
    has done it, and does not do it now.
    """
    if window is None or delivery.zone is None:
        return delivery.deadline_at
    return min(delivery.deadline_at, closes(window, delivery.zone, now))


def repair_order(node_id: str, want: Want, script: ScriptVersion, bindings: Bindings | None, url_of: UrlOf) -> Order:
    """The order that was verified, once more, for a node that no longer has what it led to.

    With the bindings as a whole: an account that plays two scripts' order of the past one after the other must end
    where it was. Where they are not known, the node's own stay.
    """
    if want.removes:
        return RemoveArtifact(
            node_id=node_id,
            delivery_id=want.delivery_id,
            attempt=want.attempt,
            removes=want.artifact,
            bindings=None if bindings is None else dict(bindings),
            issued_at=want.ordered_at,
        )
    inline = script.info.size <= INLINE_LIMIT
    return DeliverArtifact(
        node_id=node_id,
        delivery_id=want.delivery_id,
        attempt=want.attempt,
        artifact=want.artifact,
        size=script.info.size,
        content=script.body if inline else None,
        url=None if inline else url_of(want.artifact.hash),
        bindings=None if bindings is None else dict(bindings),
        issued_at=want.ordered_at,
    )
