"""What the registry tells everyone after it has committed a change of the fleet.

`NodeObserved` carries the node's whole state, so that a reader needs no earlier event: it is published on
every real change and again now and then for every node, which repairs a reader that missed one.
`AccountsChanged` (states, scripts) goes through the outbox; `AccountsCounted` (counters only) is best
effort, because the next beat replaces it.
"""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from shared.contracts.accounts import AccountReport
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.contract import Contract, Instant, Part
from shared.contracts.heartbeats import NodeFacts
from shared.contracts.identifiers import AccountId, NodeId
from shared.contracts.keys import PublicKey


class NodeStatus(StrEnum):
    """Whether a node's lease is running (`online`) or has ended (`offline`)."""

    ONLINE = "online"
    OFFLINE = "offline"


class NodeObserved(Contract):
    """A node as the registry has it now. Routing key `fleet.node.<change>`.

    `sealing_key` is the X25519 public key that the node showed when it joined; null for one that has not.
    """

    TYPE: ClassVar[str] = "fleet.node.v1"

    node_id: NodeId
    change: str = Field(pattern=r"^(online|offline|changed|announced)$")
    status: NodeStatus
    boot: int
    seq: int
    node: NodeFacts
    artifacts: list[AppliedArtifact] = Field(default_factory=list)
    account_count: int = 0
    sealing_key: PublicKey | None = None
    at: Instant


class AccountsChanged(Contract):
    """States, reasons or scripts of a node's accounts changed. Routing key `fleet.account.changed`."""

    TYPE: ClassVar[str] = "fleet.accounts-changed.v1"

    node_id: NodeId
    accounts: list[AccountReport] = Field(default_factory=list)
    removed: list[AccountId] = Field(default_factory=list)
    at: Instant


class AccountCounters(Part):
    """The counters of one account."""

    account_id: AccountId
    message_count: int
    reply_count: int
    uncertain_count: int = 0
    last_activity: Instant | None = None


class AccountsCounted(Contract):
    """Counters of a node's accounts rose. Routing key `fleet.account.counted`."""

    TYPE: ClassVar[str] = "fleet.accounts-counted.v1"

    node_id: NodeId
    accounts: list[AccountCounters]
    at: Instant
