"""The vault's sessions: versions that only become more, and which of them is current.

Whatever comes in is a version of its own, named by its hash; the same content again is the version that is there. The
current one is what a node gets. An operator's act (an upload, a choice, a restore) makes a version current and notes
the newest epoch that is known; a node's state becomes current only if nothing newer is:

| the current version        | a node's state at (epoch, boot, number) becomes current if                   |
| -------------------------- | ---------------------------------------------------------------------------- |
| none                       | always                                                                       |
| an operator's, and first   | it is of the same key: what a node runs from its folder is newer than a copy |
| chosen by an operator      | its epoch is above the one noted then: the node started with what was chosen |
| a node's state             | it is newer: (epoch, boot, number) is above, and so is the epoch noted, if any |

Who had an account in which epoch is noted from what the registry says, so that no node hands back another's login.
Pure; `SessionRows` is the port of the tables.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from shared.contracts.sessions import SessionChanged, SessionOrigin

# Of a node's states the newest are enough to go back to before a mistake of minutes ago; each is some kilobytes, and a
# busy account makes one a minute. What an operator brought is never forgotten.
MOST_SYNCS = 20
# Of who had an account when: a state that comes this many moves too late is nobody's any more.
MOST_EPOCHS = 50


@dataclass(frozen=True, slots=True, order=True)
class SyncPlace:
    """Orders the states of a login that nodes hand back."""

    epoch: int
    boot: int
    number: int


@dataclass(frozen=True, slots=True)
class SessionVersion:
    """A version without its content. `fingerprint` names its key, `form` is what `by` has uploaded it as."""

    account_id: str
    version: int
    hash: str
    size: int
    origin: SessionOrigin
    stored_at: datetime
    fingerprint: bytes = field(repr=False)
    user_id: int | None = None
    form: str | None = None
    by: str | None = None
    node_id: str | None = None
    place: SyncPlace | None = None
    final: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """A login of an account. `data_key` is sealed. `chosen_at_epoch` was the newest when an operator acted last."""

    account_id: str
    data_key: bytes = field(repr=False)
    created_at: datetime
    updated_at: datetime
    latest_version: int = 0
    current_version: int = 0
    chosen_at_epoch: int | None = None
    synced_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session with its current version, and who has the account as far as the vault was told."""

    session: Session
    current: SessionVersion
    versions: int
    holder: "Holder | None" = None


@dataclass(frozen=True, slots=True)
class Holder:
    """The node that has an account in an epoch, as the registry said; `held` is False once it has given it back.

    `awaits` names the state that the node before it has handed back, if the registry said so.
    """

    account_id: str
    epoch: int
    node_id: str
    said_at: datetime
    held: bool = True
    awaits: str | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """Which version is sealed to whom. `sealing_key` is the node's, in base64."""

    node_id: str
    account_id: str
    epoch: int
    version: int
    sealing_key: str


def overtakes(session: Session, current: SessionVersion | None, place: SyncPlace, fingerprint: bytes) -> bool:
    """Whether a node's state of this key becomes current; see the table above."""
    if current is None:
        return True
    if session.chosen_at_epoch is None and current.place is None:
        return fingerprint == current.fingerprint
    if session.chosen_at_epoch is not None and place.epoch <= session.chosen_at_epoch:
        return False
    return current.place is None or place > current.place


def chosen(session: Session, version: SessionVersion, epoch: int | None, now: datetime) -> Session:
    """The session when an operator's act has made a version current; `epoch` is the newest that is known."""
    latest = max(session.latest_version, version.version)
    return replace(
        session, latest_version=latest, current_version=version.version, chosen_at_epoch=epoch, updated_at=now
    )


def synced(session: Session, version: SessionVersion, now: datetime, *, current: bool) -> Session:
    """The session when a node's state has come, current or not."""
    return replace(
        session,
        latest_version=max(session.latest_version, version.version),
        current_version=version.version if current else session.current_version,
        synced_at=now,
        updated_at=now,
    )


def changed(version: SessionVersion, change: str, at: datetime) -> SessionChanged:
    """What is told of a version that is current now."""
    return SessionChanged(
        account_id=version.account_id,
        change=change,
        version=version.version,
        hash=version.hash,
        origin=version.origin,
        user_id=version.user_id,
        at=at,
    )


class SessionRows(Protocol):
    """The tables of the vault. A session's row is the lock for its versions."""

    async def enter(self, session: Session) -> None:
        """Insert a session without versions; one that is there stays."""
        ...

    async def lock(self, account_id: str) -> Session | None:
        """A session, locked."""
        ...

    async def one(self, account_id: str) -> Session | None:
        """A session."""
        ...

    async def save(self, session: Session) -> None:
        """Write what can change of a session that is locked; its data key is not."""
        ...

    async def remove(self, account_id: str) -> bool:
        """Forget a session with all its versions and keys; whether it was there."""
        ...

    async def page(self, after: str | None, limit: int) -> Sequence[SessionView]:
        """Sessions by account id."""
        ...

    async def view(self, account_id: str) -> SessionView | None:
        """One session as `page` has it."""
        ...

    async def claim(self, fingerprint: bytes, account_id: str) -> str:
        """Whose key it is: this account's, if nobody else had it before."""
        ...

    async def add(self, version: SessionVersion, sealed: bytes) -> None:
        """Insert a version with its sealed content."""
        ...

    async def move(self, version: SessionVersion) -> None:
        """Write the newer place and node at which the same content came again."""
        ...

    async def forget_syncs(self, account_id: str, keep: int, but: int) -> None:
        """Drop all of the nodes' states but the newest `keep` and the version `but`."""
        ...

    async def version(self, account_id: str, version: int) -> SessionVersion | None:
        """A version."""
        ...

    async def by_hash(self, account_id: str, hash_: str) -> SessionVersion | None:
        """The version of this content."""
        ...

    async def versions(self, account_id: str, before: int | None, limit: int) -> Sequence[SessionVersion]:
        """Versions, the newest first, below one."""
        ...

    async def content(self, account_id: str, version: int) -> bytes | None:
        """A version's sealed content."""
        ...

    async def hold(self, holder: Holder) -> None:
        """Note who has an account in an epoch; what was said later of it stays."""
        ...

    async def holder(self, account_id: str, epoch: int) -> Holder | None:
        """Who had the account in this epoch."""
        ...

    async def newest_holder(self, account_id: str) -> Holder | None:
        """Who had it last."""
        ...

    async def is_awaited(self, account_id: str, hash_: str) -> bool:
        """Whether the registry has said that this state is on its way."""
        ...

    async def owners(self, fingerprints: Collection[bytes]) -> Mapping[bytes, str]:
        """The accounts of those keys that are known."""
        ...
