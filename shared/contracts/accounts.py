"""What a node says about its accounts: the report in heartbeats, and the change that does not wait for one.

`AccountChanged` is numbered without gaps by the node's ledger. The registry says in every lease up to
which number it has committed, and the node sends the others again: no change is lost, whatever happens to
the broker between the two.
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from shared.contracts.contract import Contract, Instant, Part
from shared.contracts.identifiers import AccountId, ContentHash, NodeId, ScriptId

Reason = Annotated[str, StringConstraints(max_length=500)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]


class AccountStatus(StrEnum):
    """The states of an account, as its agent knows them."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    ONLINE = "online"
    WAITING = "waiting"
    LIMITED = "limited"
    ERROR = "error"
    OFFLINE = "offline"


class AccountReport(Part):
    """One account as its node sees it. Counters are totals since the account came to the node's ledger.

    `uncertain_count` counts messages that were left unanswered, because a node that fell silent may have answered them.
    `user_id` is the account's Telegram user, known once it was online. `epoch` is of the assignment under which the
    node has it, 0 or null for a login of the node's own session folder; `session_hash` names the state of its login
    that the vault has from this node, `session_version` the version that it was started with.
    """

    account_id: AccountId
    status: AccountStatus
    status_reason: Reason | None = None
    script_id: ScriptId | None = None
    script_version: int | None = Field(default=None, ge=1)
    script_hash: ContentHash | None = None
    message_count: Count = 0
    reply_count: Count = 0
    uncertain_count: Count = 0
    last_activity: Instant | None = None
    session_file: str | None = Field(default=None, max_length=255)
    user_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    epoch: int | None = Field(default=None, ge=0)
    session_version: int | None = Field(default=None, ge=1)
    session_hash: ContentHash | None = None


class AccountChanged(Contract):
    """An account entered another state (or its reason changed). `number` counts the ledger's changes from 1."""

    TYPE: ClassVar[str] = "node.account.v1"

    node_id: NodeId
    ledger_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    number: int = Field(ge=1)
    boot: int = Field(ge=0)
    seq: int = Field(ge=0)
    previous_status: AccountStatus | None = None
    account: AccountReport
    at: Instant
