"""The heartbeat: a node's whole state, told as the difference to what the registry already has.

`digest` names the content of the node's full state after this beat, `base_digest` the state that the
difference builds on: one that the registry has confirmed in a lease. A beat with `full` carries everything.
`(boot, seq)` orders the beats of a node: `boot` rises with every start of the agent (unix microseconds,
never below an earlier one), `seq` with every beat of a boot. A quiet node's beat has no accounts in it.
"""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from shared.contracts.accounts import AccountReport, Reason
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.assignments import MOST_ASSIGNED, AssignmentSet, ReleasedAccount
from shared.contracts.contract import Contract, Instant, Part
from shared.contracts.digests import Digest
from shared.contracts.identifiers import AccountId, Label, NodeId

MOST_ACCOUNTS = 5_000
MOST_ARTIFACTS = 1_000
MOST_LABELS = 64

Bytes = Annotated[int, Field(ge=0, le=2**63 - 1)]


class RefusedOrders(Part):
    """Orders that a node has not taken since its agent's start, because they were not the deployer's or not for it."""

    count: int = Field(ge=1)
    reason: Reason
    at: Instant


class Resources(Part):
    """What a node's machine has and what of it is left, in bytes; null where the machine does not tell.

    `load` is of the last minute: at `cores` the machine is busy. `disk` is the one with the agent's state,
    `agent_memory` what the agent itself takes.
    """

    cores: int | None = Field(default=None, ge=1, le=2**31 - 1)
    load: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    memory_total: Bytes | None = None
    memory_available: Bytes | None = None
    disk_total: Bytes | None = None
    disk_free: Bytes | None = None
    agent_memory: Bytes | None = None


class NodeFacts(Part):
    """What a node says of itself. `source` is `local` for the back office's own machine, else `remote`.

    `time_zone` is a name of the time zone database such as `Asia/Tokyo`; `keys_serial` names the deployer's keys that
    the node goes by (`keys.py`); `refused` tells the newest of the orders that it refused. Older agents send none of
    the three.
    """

    source: Annotated[str, StringConstraints(pattern=r"^(local|remote)$")] = "remote"
    hostname: str = Field(default="", max_length=255)
    agent_version: str = Field(default="", max_length=64)
    labels: dict[Label, Label] = Field(default_factory=dict, max_length=MOST_LABELS)
    time_zone: str | None = Field(default=None, max_length=64)
    keys_serial: int | None = Field(default=None, ge=1)
    refused: RefusedOrders | None = None


class HeartbeatReported(Contract):
    """A node is alive, and this changed since the state `base_digest`. `base_digest` is null when `full`.

    `own_accounts` is the digest of the user ids that the node knows to be the operator's own (`own_accounts.py`).
    `assignments` names the set of assignments that the node goes by (`assignments.py`); `released` are accounts of that
    set that it has given back, `wanting` those whose login it lacks. `resources` are its machine's, told in every beat
    and no part of what the digests name. Older agents send none of the five.
    """

    TYPE: ClassVar[str] = "node.heartbeat.v1"

    node_id: NodeId
    boot: int = Field(ge=0)
    seq: int = Field(ge=0)
    ledger_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    full: bool
    base_digest: Digest | None = None
    digest: Digest
    account_count: int = Field(ge=0)
    changed: list[AccountReport] = Field(default_factory=list, max_length=MOST_ACCOUNTS)
    removed: list[AccountId] = Field(default_factory=list, max_length=MOST_ACCOUNTS)
    node: NodeFacts = NodeFacts()
    resources: Resources | None = None
    artifacts: list[AppliedArtifact] = Field(default_factory=list, max_length=MOST_ARTIFACTS)
    own_accounts: Digest | None = None
    assignments: AssignmentSet | None = None
    released: list[ReleasedAccount] = Field(default_factory=list, max_length=MOST_ASSIGNED)
    wanting: list[AccountId] = Field(default_factory=list, max_length=MOST_ASSIGNED)
    sent_at: Instant
