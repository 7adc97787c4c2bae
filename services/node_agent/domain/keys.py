"""The keys of a node that has joined: its own, and the deployer's public ones that it goes by.

They come from the node's identity file; without one the node takes no logins and hands none back.
"""

from dataclasses import dataclass

from shared.contracts.keys import TrustedKeys


@dataclass(frozen=True)
class NodeKeys:
    """`sealing` is the private half of the key that logins for this node are sealed to, 32 raw bytes."""

    node_id: str
    sealing: bytes
    trusted: TrustedKeys

    def __repr__(self) -> str:
        return f"NodeKeys({self.node_id!r})"
