"""Which node runs which account: the whole set of a node's assignments, and what both sides say about it.

The registry numbers every change of an account's assignment (`epoch`) and every change of a node's set (`revision`); a
digest names the set's content. Every lease names the set that it holds for, every beat the set that the node goes by,
so a lost message is noticed with the next beat. A node starts nothing before a lease has named its own set.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from shared.contracts.contract import Contract, Instant, Part
from shared.contracts.digests import Digest
from shared.contracts.identifiers import AccountId, ContentHash, NodeId
from shared.contracts.keys import PublicKey

# As many accounts as a node may report; the longest set is a message of some hundred kilobytes.
MOST_ASSIGNED = 5_000


class AssignedAccount(Part):
    """An account that the node runs in this epoch, or with `release` gives back: disconnect, hand back, say so.

    Epoch 0 is a login of the node's own session folder, which nobody has assigned. `silent_before`: the login may be
    older than what it was used for, by a node that fell silent; messages that Telegram dates up to then may have been
    answered there, so they are not answered here.
    """

    account_id: AccountId
    epoch: int = Field(ge=0)
    release: bool = False
    silent_before: Instant | None = None


class AssignmentSet(Part):
    """Names a node's set: `revision` only rises, `digest` is of the content."""

    revision: int = Field(ge=0)
    digest: Digest


class ReleasedAccount(Part):
    """The node has disconnected this account and will not start it in this epoch again.

    `session_hash` names the newest state of its login, which the node has handed back or is handing back; null when
    it never had the login. `heard_until` is by Telegram's clock the newest message that it has heard, where that state
    may not know of all that was heard; null where it does.
    """

    account_id: AccountId
    epoch: int = Field(ge=0)
    session_hash: ContentHash | None = None
    heard_until: Instant | None = None


class AssignAccounts(Contract):
    """The node's whole set. `excluded` are logins in its session folder that belong to another node: leave them."""

    TYPE: ClassVar[str] = "node.assign-accounts.v1"

    node_id: NodeId
    revision: int = Field(ge=0)
    accounts: list[AssignedAccount] = Field(default_factory=list, max_length=MOST_ASSIGNED)
    excluded: list[AccountId] = Field(default_factory=list, max_length=MOST_ASSIGNED)


class AssignmentState(StrEnum):
    """Where an assignment stands; `releasing` is still live on its node."""

    UNASSIGNED = "unassigned"
    ASSIGNED = "assigned"
    RELEASING = "releasing"


class AssignmentChanged(Contract):
    """An account's assignment as the registry has it now, whole. Routing key `fleet.assignment.<change>`.

    `node_id` has the account in `epoch`; `target` gets it next, when that node has released it. `announced` repeats
    what stands, for readers that missed it.
    """

    TYPE: ClassVar[str] = "fleet.assignment.v1"

    account_id: AccountId
    change: str = Field(pattern=r"^(assigned|releasing|released|announced)$")
    state: AssignmentState
    epoch: int = Field(ge=0)
    node_id: NodeId | None = None
    target: NodeId | None = None
    reason: str | None = Field(default=None, max_length=500)
    at: Instant


class SessionWanted(Contract):
    """A node has the account in this epoch and lacks its login: send the newest, sealed to `sealing_key`.

    Only the registry says this, after it has looked who has the account; it says so again with every beat that asks.
    `sealing_key` is the node's X25519 public key in base64; `at_least` names the state that the last node handed back.
    """

    TYPE: ClassVar[str] = "fleet.session-wanted.v1"

    node_id: NodeId
    account_id: AccountId
    epoch: int = Field(ge=1)
    sealing_key: PublicKey
    at_least: ContentHash | None = None
    at: Instant


def assignments_digest(accounts: Iterable[AssignedAccount], excluded: Iterable[str]) -> Digest:
    """The digest of a set: 32 hexadecimal digits, whatever the order.

    `silent_before` is no part of it: agents of before it count the same, and it never changes without the revision.
    """
    lines = sorted(f"{each.account_id} {each.epoch} {int(each.release)}" for each in accounts)
    lines += ["", *sorted(set(excluded))]
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()
