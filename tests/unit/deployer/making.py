"""Things of the deployer, made with what a test does not care about filled in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.nodes import Node
from services.deployer.domain.scripts import NewScript
from services.deployer.domain.servers import HostKey, Server
from shared.contracts.artifacts import AppliedArtifact, Artifact, FileState
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome, DeliveryReported
from shared.contracts.deployments import DeliveryState
from shared.contracts.fleet import NodeObserved, NodeStatus
from shared.contracts.heartbeats import NodeFacts
from shared.contracts.identifiers import content_hash

START = datetime(2026, 1, 1, tzinfo=UTC)
HASH = content_hash(b"ours")
OTHER_HASH = content_hash(b"theirs")


def delivery(state: DeliveryState = DeliveryState.PENDING, **changes: Any) -> Delivery:
    """A delivery of version 1 of `greeter` to node `a`."""
    plain = Delivery(
        id="dlv_" + "0" * 32,
        deployment_id="dep_" + "0" * 32,
        node_id="a",
        artifact=Artifact(id="greeter", version=1, hash=HASH),
        next_attempt_at=START,
        deadline_at=START + timedelta(days=1),
        created_at=START,
        updated_at=START,
        entered_at=START,
        state=state,
    )
    return replace(plain, **changes)


def node(node_id: str = "a", **changes: Any) -> Node:
    """An online node."""
    plain = Node(
        node_id=node_id,
        status=NodeStatus.ONLINE,
        labels={},
        source="remote",
        boot=1,
        seq=1,
        artifacts=(),
        observed_at=START,
    )
    return replace(plain, **changes)


def new_script(script_id: str = "greeter", body: str = "ours") -> NewScript:
    """A script as it is stored; the store does not read it."""
    return NewScript(script_id, content_hash(body.encode()), "A title", body)


def server(server_id: str = "tokyo-1", **changes: Any) -> Server:
    """An unconfirmed server on this machine."""
    plain = Server(
        server_id=server_id,
        host="127.0.0.1",
        port=22,
        user="callboard",
        login="password",
        host_key=HostKey("ssh-ed25519 AAAA", "SHA256:" + "A" * 43),
        created_at=START,
        updated_at=START,
    )
    return replace(plain, **changes)


def loaded(order: DeliverArtifact, **changes: Any) -> AppliedArtifact:
    """What a node says that has applied an order."""
    plain = AppliedArtifact(
        **order.artifact.model_dump(),
        tests_passed=True,
        delivery_id=order.delivery_id,
        ordered_at=order.issued_at,
        file=FileState.INTACT,
    )
    return plain.model_copy(update=changes)


def seen(node_id: str = "a", *, seq: int = 1, loaded: Artifact | None = None, **changes: Any) -> NodeObserved:
    """The registry's observation of an online node that runs `loaded`, its tests passed."""
    artifacts = [] if loaded is None else [AppliedArtifact(**loaded.model_dump(), tests_passed=True)]
    fields: dict[str, Any] = {
        "node_id": node_id,
        "change": "changed",
        "status": NodeStatus.ONLINE,
        "boot": 1,
        "seq": seq,
        "node": NodeFacts(),
        "artifacts": artifacts,
        "at": START,
    }
    return NodeObserved(**(fields | changes))


def report(of: Delivery, outcome: DeliveryOutcome, **changes: Any) -> DeliveryReported:
    """The node's report of a delivery; an applied one has our hash loaded and its tests passed."""
    applied = outcome is DeliveryOutcome.APPLIED
    fields: dict[str, Any] = {
        "node_id": of.node_id,
        "delivery_id": of.id,
        "attempt": max(of.attempts, 1),
        "outcome": outcome,
        "loaded_hash": of.artifact.hash if applied else None,
        "tests_passed": applied,
        "at": START,
    }
    return DeliveryReported(**(fields | changes))
