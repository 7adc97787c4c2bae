"""A node as the deployer knows it: a projection of the registry's `NodeObserved`, and which of two is newer.

`(boot, seq)` orders what a node said; the registry's own time orders what the registry concluded from the same
beat (online, then offline). The projection only rises, so order and repetition of the events do not matter.
"""

from dataclasses import dataclass
from datetime import datetime

from shared.contracts.artifacts import AppliedArtifact, ArtifactKind
from shared.contracts.fleet import NodeObserved, NodeStatus


@dataclass(frozen=True, slots=True)
class Node:
    """One node with its labels and what it runs. `sealing_key` is its public key in base64, if it has joined."""

    node_id: str
    status: NodeStatus
    labels: dict[str, str]
    source: str
    boot: int
    seq: int
    artifacts: tuple[AppliedArtifact, ...]
    observed_at: datetime
    time_zone: str | None = None
    sealing_key: str | None = None
    keys_serial: int | None = None

    @property
    def online(self) -> bool:
        """Whether its lease was running when it was observed."""
        return self.status is NodeStatus.ONLINE

    @property
    def age(self) -> tuple[int, int, datetime]:
        """What orders two observations of the same node."""
        return (self.boot, self.seq, self.observed_at)

    def loaded(self, script_id: str) -> AppliedArtifact | None:
        """What it runs of a script."""
        for artifact in self.artifacts:
            if artifact.kind is ArtifactKind.SCRIPT and artifact.id == script_id:
                return artifact
        return None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A node as it was and as it is now."""

    before: Node | None
    now: Node

    @property
    def came_online(self) -> bool:
        """Whether it is new, has come back, or was started again."""
        if not self.now.online:
            return False
        return self.before is None or not self.before.online or self.before.boot != self.now.boot

    @property
    def may_be_selected(self) -> bool:
        """Whether a selector that did not match it before may match it now."""
        return self.before is None or self.before.labels != self.now.labels


def observed(event: NodeObserved) -> Node:
    """The node that an event describes."""
    return Node(
        node_id=event.node_id,
        status=event.status,
        labels=dict(event.node.labels),
        source=event.node.source,
        boot=event.boot,
        seq=event.seq,
        artifacts=tuple(event.artifacts),
        observed_at=event.at,
        time_zone=event.node.time_zone,
        sealing_key=event.sealing_key,
        keys_serial=event.node.keys_serial,
    )


def sighted(known: dict[str, Node], seen: list[Node]) -> list[Sighting]:
    """The sightings that are not older than what is known, one for each node, ordered by node id."""
    newest: dict[str, Node] = {}
    for node in seen:
        current = newest.get(node.node_id) or known.get(node.node_id)
        if current is None or node.age >= current.age:
            newest[node.node_id] = node
    return [Sighting(known.get(node_id), newest[node_id]) for node_id in sorted(newest)]
