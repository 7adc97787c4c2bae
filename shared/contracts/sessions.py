"""Logins on their way: from the vault to the node that runs them, and their newest state back.

A login is the bytes of a Telethon session file; `hash` and `size` are of those bytes. It travels compressed (zlib) and
sealed (HPKE: X25519, HKDF-SHA256, AES-256-GCM), to the node's key or to the vault's, bound by HPKE's `info` to what
`sealed_for` says, so that a sealed login opens only as what it was sealed for. Nobody between the two can read it.
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from shared.contracts.contract import Contract, Instant
from shared.contracts.identifiers import AccountId, ContentHash, NodeId, SyncId
from shared.contracts.signed import SignedContract

# In bytes, as a file. An agent lets go of the people that it has not seen for longest before a login grows larger.
LARGEST_SESSION = 4 * 1024 * 1024
# In bytes, compressed and sealed, as it travels in a message; a larger one goes by an authorised URL.
SEALED_INLINE_LIMIT = 64 * 1024
# In bytes, on the way back to the vault.
LARGEST_SEALED = 2 * 1024 * 1024

Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$")]


class DeliverSession(SignedContract):
    """Run the account with this login, in this epoch. Exactly one of `sealed` and `url` is given."""

    TYPE: ClassVar[str] = "node.deliver-session.v1"

    node_id: NodeId
    account_id: AccountId
    epoch: int = Field(ge=1)
    version: int = Field(ge=1)
    hash: ContentHash
    size: int = Field(ge=1, le=LARGEST_SESSION)
    sealed: Base64 | None = None
    url: Annotated[str, StringConstraints(max_length=2048)] | None = None
    issued_at: Instant


class SessionSynced(Contract):
    """The newest state of a login that the node runs, or with `final` ran, in this epoch, sealed to the vault.

    `(epoch, boot, number)` rises with every state. The node says it again until `SessionStored` or `SessionRefused`
    comes. `answers` names the `SyncSession` that the state answers.
    """

    TYPE: ClassVar[str] = "node.session.v1"

    node_id: NodeId
    account_id: AccountId
    epoch: int = Field(ge=0)
    boot: int = Field(ge=0)
    number: int = Field(ge=1)
    hash: ContentHash
    size: int = Field(ge=1, le=LARGEST_SESSION)
    sealed: Annotated[Base64, StringConstraints(max_length=LARGEST_SEALED * 4 // 3 + 4)]
    final: bool = False
    answers: SyncId | None = None
    at: Instant


class SyncSession(SignedContract):
    """Hand the present state of this account's login back now, also if it has not changed.

    The node answers with a `SessionSynced` that names `sync_id`. A node that does not have the account in this epoch
    does nothing.
    """

    TYPE: ClassVar[str] = "node.sync-session.v1"

    node_id: NodeId
    account_id: AccountId
    epoch: int = Field(ge=0)
    sync_id: SyncId
    issued_at: Instant


class SessionOrigin(StrEnum):
    """Where a version of a login came from."""

    UPLOAD = "upload"
    SYNC = "sync"
    LOGIN = "login"
    RESTORE = "restore"


class SessionChanged(Contract):
    """The vault has another current version of a login. Routing key `deploy.session.<change>`.

    `stored` is a new login or a node's newer state of it, `chosen` an operator's choice that a node running the login
    has to start again with, `removed` says that the vault has it no more, `announced` repeats what stands.
    """

    TYPE: ClassVar[str] = "deploy.session.v1"

    account_id: AccountId
    change: Annotated[str, StringConstraints(pattern=r"^(stored|chosen|removed|announced)$")]
    version: int = Field(ge=1)
    hash: ContentHash
    origin: SessionOrigin
    user_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    at: Instant


class SessionStored(SignedContract):
    """The vault has this state of a login as a version of its own: the node need not say it again."""

    TYPE: ClassVar[str] = "node.session-stored.v1"

    node_id: NodeId
    account_id: AccountId
    epoch: int = Field(ge=0)
    hash: ContentHash
    stored_at: Instant


class SessionRefused(SignedContract):
    """The vault does not take this state of a login: the node need not say it again. `reason` says why.

    The node keeps the state; the next one may be taken.
    """

    TYPE: ClassVar[str] = "node.session-refused.v1"

    node_id: NodeId
    account_id: AccountId
    epoch: int = Field(ge=0)
    hash: ContentHash
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    refused_at: Instant


def sealed_for(purpose: str, node_id: str, account_id: str, epoch: int, hash_: str) -> bytes:
    """What a sealed login is bound to. `purpose` is the `TYPE` of the message that carries it."""
    return "\n".join((purpose, node_id, account_id, str(epoch), hash_)).encode()
