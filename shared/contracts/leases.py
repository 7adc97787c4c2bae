"""A node's permission to run its accounts, as the registry grants or refuses it.

The registry sends a lease when it has *committed* the heartbeat that it answers. The node counts the
seconds from the moment at which it *sent* that heartbeat, so it always gives up before the registry does.
"""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from shared.contracts.assignments import AssignmentSet
from shared.contracts.contract import Contract
from shared.contracts.identifiers import NodeId


class GrantLease(Contract):
    """Run for `seconds` more, counted from the sending of the beat `(boot, seq)`.

    `full_report` asks for a full heartbeat: the registry could not build on the difference it got.
    `changes_through` is the number up to which the registry has committed the ledger's account changes.
    `assignments` names the node's set of assignments as it stood when the lease was granted: with another one the node
    starts nothing until it has been told the set. Null comes from a registry that assigns nothing.
    """

    TYPE: ClassVar[str] = "node.grant-lease.v1"

    node_id: NodeId
    boot: int = Field(ge=0)
    seq: int = Field(ge=0)
    seconds: float = Field(gt=0)
    full_report: bool = False
    ledger_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    changes_through: int = Field(default=0, ge=0)
    assignments: AssignmentSet | None = None


class RefusalCause(StrEnum):
    """Why a node may not run. `newer_boot`: another start of this node id has reported since."""

    NEWER_BOOT = "newer_boot"


class RefuseLease(Contract):
    """Stop: the beat `(boot, seq)` gives no right to run. The node stops its accounts and says why."""

    TYPE: ClassVar[str] = "node.refuse-lease.v1"

    node_id: NodeId
    boot: int = Field(ge=0)
    seq: int = Field(ge=0)
    cause: RefusalCause
    newest_boot: int = Field(ge=0)
