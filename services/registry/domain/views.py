"""The fleet as the API shows it, and the questions that can be asked about it.

An account's shown status is the reported one, or `offline` with the reason when its node has no lease: a node that
comes back has its accounts as they were, without a row rewritten.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from services.registry.domain.assignments import Origin, Takeover
from shared.contracts.accounts import AccountStatus
from shared.contracts.artifacts import ArtifactKind, FileState, TestTally
from shared.contracts.assignments import AssignmentState
from shared.contracts.fleet import NodeStatus
from shared.contracts.heartbeats import Resources


class View(BaseModel):
    """The base of what is shown."""

    model_config = ConfigDict(frozen=True)


class AccountView(View):
    """One account of one node.

    `uncertain_count` are messages left unanswered because a node that fell silent may have answered them. `epoch` and
    `session_version` are what the node says of the login that it runs; `assigned_to` is the node that the
    account belongs to, `assignment` how that stands, and `target` the node that gets it next. `status_since` is null
    where the history does not tell it. `stranded`: its node is dead and it shall move, and no other node takes it;
    `status_reason` says why.
    """

    account_id: str
    node_id: str
    source: str
    status: AccountStatus
    status_reason: str | None
    status_since: datetime | None = None
    script_id: str | None
    script_version: int | None
    script_hash: str | None
    message_count: int
    reply_count: int
    uncertain_count: int = 0
    last_activity: datetime | None
    session_file: str | None
    session_version: int | None = None
    epoch: int | None = None
    assignment: AssignmentState | None = None
    assigned_to: str | None = None
    target: str | None = None
    stranded: bool = False
    updated_at: datetime


class LoadedArtifact(View):
    """What a node runs now. `tests` are the script's own tests that ran on the node before it was loaded.

    `total` 0: the script has none. Null: the node's agent is an older one, which does not say. `file` is whether the
    script's file on the node is still what was delivered; null: not said.
    """

    model_config = ConfigDict(from_attributes=True)

    kind: ArtifactKind
    id: str
    version: int
    hash: str
    tests: TestTally | None
    file: FileState | None = None


class RefusedView(View):
    """Orders that a node has refused since its agent's start, because they were not the deployer's or not for it."""

    model_config = ConfigDict(from_attributes=True)

    count: int
    reason: str
    at: datetime


class NodeView(View):
    """One node. `artifacts` are the scripts that it has loaded, by the hash of what its engine runs.

    `takes_assignments`: it goes by its set of assignments, whose number is `assignment_revision`; `assigned` accounts
    are in it, and `excluded` are logins in its folder that belong to another node or to the vault. `enrolled`: it has a
    key that logins can be sealed to. `takeover`, `capacity` and `draining` are what an operator wants of it.
    `keys_serial` names the deployer's keys that it goes by, null for a worker that checks no signatures. `resources`
    are its machine's, as of the last heartbeat; null for one that does not tell.
    """

    node_id: str
    status: NodeStatus
    source: str
    hostname: str
    agent_version: str
    labels: dict[str, str]
    account_count: int
    artifacts: list[LoadedArtifact]
    takes_assignments: bool = False
    enrolled: bool = False
    assignment_revision: int = 0
    assigned: int = 0
    excluded: list[str] = []
    takeover: Takeover = Takeover.WAIT
    capacity: int | None = None
    draining: bool = False
    keys_serial: int | None = None
    refused: RefusedView | None = None
    resources: Resources | None = None
    boot: int
    seq: int
    lease_until: datetime | None
    last_heartbeat_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ChangeView(View):
    """One entry of an account's history."""

    node_id: str
    number: int
    previous_status: AccountStatus | None
    status: AccountStatus
    reason: str | None
    at: datetime
    recorded_at: datetime


class CauseView(View):
    """How many accounts are in one state for one reason."""

    status: AccountStatus
    reason: str | None
    accounts: int


class CountView(View):
    """What an account heard and sent in the hour that begins at `hour`, as far as it was looked at."""

    hour: datetime
    messages: int
    replies: int


class AssignmentView(View):
    """Which node has an account.

    `epoch` rises with every change of the node; `target` is the node that gets it next. `in_vault` is the hash of the
    vault's current version of its login, null when the vault has none; `origin` says where the login comes from that
    the node runs. `takeover` is the account's own policy; null: its node's.
    """

    account_id: str
    state: AssignmentState
    epoch: int
    node_id: str | None
    target: str | None
    reason: str | None
    origin: Origin
    in_vault: str | None
    takeover: Takeover | None
    since: datetime | None


class Unplaceable(View):
    """An account that no other node takes, and why."""

    account_id: str
    reason: str


class DrainView(View):
    """How far a node is drained: `assigned` accounts are still to be sent away, `leaving` ones are on their way.

    It is empty when both are 0. `without_place` are those of the assigned ones that no other node takes for now; they
    go as soon as one does.
    """

    node_id: str
    draining: bool
    assigned: int
    leaving: int
    without_place: list[Unplaceable]


class AccountSummary(View):
    """The fleet in numbers; `accounts` has every status, also those that no account is in."""

    nodes: dict[NodeStatus, int]
    accounts: dict[AccountStatus, int]
    message_count: int
    reply_count: int


class AccountSort(StrEnum):
    """What accounts are sorted by; accounts that are alike in it are sorted by node and account."""

    NODE = "node"
    ACCOUNT = "account"
    STATUS = "status"
    SCRIPT = "script"
    MESSAGES = "messages"
    REPLIES = "replies"
    ACTIVITY = "activity"


Label = tuple[str, str]


@dataclass(frozen=True, slots=True)
class AccountQuestion:
    """Which accounts; None and () ask for all. `q` is a part of an account, node, script or session file name.

    `label` is one that the account's node has, `reason` the one that a node gave for an account's state.
    """

    node_id: str | None = None
    status: tuple[AccountStatus, ...] = ()
    source: str | None = None
    script_id: str | None = None
    q: str | None = None
    label: Label | None = None
    reason: str | None = None
    sort: AccountSort = AccountSort.NODE
    descending: bool = False


@dataclass(frozen=True, slots=True)
class AccountPlace:
    """Where a page of accounts ended: its last row, and what that row was sorted by. Without names: the beginning."""

    node_id: str = ""
    account_id: str = ""
    value: str = ""


# What an account without a script, or without any activity, is sorted as: before all others.
NEVER = "-infinity"
_SORTED_BY: dict[AccountSort, Callable[[AccountView], str]] = {
    AccountSort.NODE: lambda view: view.node_id,
    AccountSort.ACCOUNT: lambda view: view.account_id,
    AccountSort.STATUS: lambda view: view.status,
    AccountSort.SCRIPT: lambda view: view.script_id or "",
    AccountSort.MESSAGES: lambda view: str(view.message_count),
    AccountSort.REPLIES: lambda view: str(view.reply_count),
    AccountSort.ACTIVITY: lambda view: view.last_activity.isoformat() if view.last_activity else NEVER,
}


def place_of_account(view: AccountView, sort: AccountSort) -> AccountPlace:
    """The place after this account."""
    return AccountPlace(view.node_id, view.account_id, _SORTED_BY[sort](view))


@dataclass(frozen=True, slots=True)
class NodeQuestion:
    """Which nodes; None asks for all. `q` is a part of a node's id or of its host's name."""

    status: NodeStatus | None = None
    source: str | None = None
    label: Label | None = None
    q: str | None = None
