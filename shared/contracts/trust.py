"""How a node learns of other keys than those that it was given when it joined."""

from typing import ClassVar

from shared.contracts.contract import Instant
from shared.contracts.identifiers import NodeId
from shared.contracts.keys import TrustedKeys
from shared.contracts.signed import SignedContract


class TrustKeys(SignedContract):
    """Go by these keys from now on. Always signed with one that the node trusts already."""

    TYPE: ClassVar[str] = "node.trust-keys.v1"

    node_id: NodeId
    keys: TrustedKeys
    issued_at: Instant
