"""From what was asked for (node ids or a selector) to the nodes of a deployment, or to why there are none.

Pure. The nodes are those the registry has announced; a node that is offline is a target too, it gets its script
when it comes back.
"""

import difflib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from services.deployer.domain.nodes import Node
from services.deployer.domain.selector import Selector

# Finding near names compares with every node; a request full of mistakes gets hints for the first few only.
MOST_HINTS = 5


@dataclass(frozen=True, slots=True)
class NodeIds:
    """These nodes, by name."""

    node_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class UnknownNode:
    """A name that no node has: its place in the request, and the names that come near."""

    index: int
    node_id: str
    nearest: tuple[str, ...]

    def __str__(self) -> str:
        hint = f"did you mean {' or '.join(self.nearest)}?" if self.nearest else "has its agent ever reported?"
        return f"there is no node {self.node_id!r}: {hint}"


@dataclass(frozen=True, slots=True)
class UnknownNodes:
    """Names that no node has; never empty."""

    nodes: tuple[UnknownNode, ...]


@dataclass(frozen=True, slots=True)
class NothingSelected:
    """The selector matches no node."""

    known: int


Targets = NodeIds | Selector


def planned(targets: Targets, nodes: Collection[Node]) -> list[str] | UnknownNodes | NothingSelected:
    """The node ids of the plan, each once, in order."""
    if isinstance(targets, Selector):
        chosen = sorted(node.node_id for node in nodes if targets.matches(node.labels))
        return chosen or NothingSelected(len(nodes))
    names = {node.node_id for node in nodes}
    unknown = [(index, name) for index, name in enumerate(targets.node_ids) if name not in names]
    if unknown:
        return UnknownNodes(tuple(_unknown(unknown, names)))
    return sorted(set(targets.node_ids))


def _unknown(unknown: Iterable[tuple[int, str]], names: set[str]) -> Iterable[UnknownNode]:
    for number, (index, name) in enumerate(unknown):
        near = difflib.get_close_matches(name, names, n=3) if number < MOST_HINTS else ()
        yield UnknownNode(index, name, tuple(near))
