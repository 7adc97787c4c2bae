"""The order that goes to a node: content that is small enough travels in it, larger content by a URL.

`issued_at` is when the deployment was ordered, the same for every attempt: a late attempt of an older deployment
must not look newer than the one that superseded it.
"""

from collections.abc import Callable

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.scripts import ScriptVersion
from shared.contracts.bindings import Bind
from shared.contracts.deliveries import INLINE_LIMIT, DeliverArtifact

UrlOf = Callable[[str], str]


def order(delivery: Delivery, script: ScriptVersion, bind: Bind, url_of: UrlOf) -> DeliverArtifact:
    """The order for the delivery's present attempt. `url_of` makes an authorised URL of a content's hash."""
    inline = script.info.size <= INLINE_LIMIT
    return DeliverArtifact(
        node_id=delivery.node_id,
        delivery_id=delivery.id,
        attempt=delivery.attempts,
        artifact=delivery.artifact,
        size=script.info.size,
        content=script.body if inline else None,
        url=None if inline else url_of(delivery.artifact.hash),
        bind=bind,
        issued_at=delivery.created_at,
    )
