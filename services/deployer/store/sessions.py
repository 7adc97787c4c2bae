"""The tables `sessions`, `session_versions`, `session_contents`, `session_fingerprints` and `session_holders`.

A version's content is sealed, in a table of its own: no statement here reads it together with anything else.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.sessions import (
    MOST_EPOCHS,
    Holder,
    Session,
    SessionVersion,
    SessionView,
    SyncPlace,
)
from shared.contracts.sessions import SessionOrigin

_SESSION = "account_id, data_key, latest_version, current_version, chosen_at_epoch, synced_at, created_at, updated_at"
_VERSION = (
    "account_id, version, hash, size, origin, stored_at, fingerprint, user_id, form, by_whom, node_id, epoch, boot, "
    "number, final"
)
_ENTER = text(
    f"insert into deployer.sessions ({_SESSION}) values (:account_id, :data_key, 0, 0, null, null, :at, :at) "
    "on conflict do nothing"
)
_ONE = f"select {_SESSION} from deployer.sessions where account_id = :account_id"
_READ = text(_ONE)
_LOCK = text(f"{_ONE} for update")
_SAVE = text(
    "update deployer.sessions set latest_version = :latest_version, current_version = :current_version, "
    "chosen_at_epoch = :chosen_at_epoch, synced_at = :synced_at, updated_at = :updated_at "
    "where account_id = :account_id"
)
_REMOVE = text("delete from deployer.sessions where account_id = :account_id returning account_id")
_VIEW = (
    "select s.data_key, s.latest_version, s.current_version, s.chosen_at_epoch, s.synced_at, s.created_at, "
    "s.updated_at, v.*, h.epoch as held_epoch, h.node_id as held_node, h.held, h.said_at, "
    "(select count(*) from deployer.session_versions as c where c.account_id = s.account_id) as versions "
    "from deployer.sessions as s "
    "join deployer.session_versions as v on v.account_id = s.account_id and v.version = s.current_version "
    "left join lateral (select epoch, node_id, held, said_at from deployer.session_holders as h "
    "where h.account_id = s.account_id order by epoch desc limit 1) as h on true "
)
_PAGE = text(f"{_VIEW} where s.account_id > :after order by s.account_id limit :limit")
_VIEW_ONE = text(f"{_VIEW} where s.account_id = :account_id")
# Two transactions may claim one key at once: the second waits for the first and then finds it.
_CLAIM = text(
    "insert into deployer.session_fingerprints (fingerprint, account_id) values (:fingerprint, :account_id) "
    "on conflict do nothing"
)
_OWNERS = text(
    "select fingerprint, account_id from deployer.session_fingerprints "
    "where fingerprint = any(cast(:fingerprints as bytea[]))"
)
_ADD = text(
    f"insert into deployer.session_versions ({_VERSION}) values (:account_id, :version, :hash, :size, :origin, "
    ":stored_at, :fingerprint, :user_id, :form, :by_whom, :node_id, :epoch, :boot, :number, :final)"
)
_ADD_CONTENT = text(
    "insert into deployer.session_contents (account_id, version, sealed) values (:account_id, :version, :sealed)"
)
_MOVE = text(
    "update deployer.session_versions set node_id = :node_id, epoch = :epoch, boot = :boot, number = :number, "
    "final = :final where account_id = :account_id and version = :version"
)
_FORGET = text(
    "delete from deployer.session_versions where account_id = :account_id and origin = 'sync' and version <> :but "
    "and version not in (select version from deployer.session_versions where account_id = :account_id "
    "and origin = 'sync' order by version desc limit :keep)"
)
_OF = f"select {_VERSION} from deployer.session_versions where account_id = :account_id"
_ONE_VERSION = text(f"{_OF} and version = :version")
_BY_HASH = text(f"{_OF} and hash = :hash")
_VERSIONS = text(f"{_OF} and version < :before order by version desc limit :limit")
_CONTENT = text("select sealed from deployer.session_contents where account_id = :account_id and version = :version")
_HOLD = text(
    "insert into deployer.session_holders as h (account_id, epoch, node_id, held, said_at, awaits) "
    "values (:account_id, :epoch, :node_id, :held, :said_at, :awaits) on conflict (account_id, epoch) do update set "
    "node_id = excluded.node_id, held = excluded.held, said_at = excluded.said_at, "
    "awaits = coalesce(excluded.awaits, h.awaits) "
    "where h.said_at <= excluded.said_at"
)
_FORGET_HOLDERS = text("delete from deployer.session_holders where account_id = :account_id and epoch <= :oldest")
_HOLDERS = (
    "select account_id, epoch, node_id, held, said_at, awaits from deployer.session_holders "
    "where account_id = :account_id"
)
_IS_AWAITED = text(
    "select exists (select from deployer.session_holders where account_id = :account_id and awaits = :hash)"
)
_HOLDER = text(f"{_HOLDERS} and epoch = :epoch")
_NEWEST_HOLDER = text(f"{_HOLDERS} order by epoch desc limit 1")
_MOST_VERSION = 2**31 - 1


class PostgresSessions:
    """Sessions in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def enter(self, session: Session) -> None:
        """Insert a session without versions; one that is there stays."""
        row = {"account_id": session.account_id, "data_key": session.data_key, "at": session.created_at}
        await self._connection.execute(_ENTER, row)

    async def lock(self, account_id: str) -> Session | None:
        """A session, locked."""
        return _session((await self._connection.execute(_LOCK, {"account_id": account_id})).one_or_none())

    async def one(self, account_id: str) -> Session | None:
        """A session."""
        return _session((await self._connection.execute(_READ, {"account_id": account_id})).one_or_none())

    async def save(self, session: Session) -> None:
        """Write what can change of a session."""
        row = {
            "account_id": session.account_id,
            "latest_version": session.latest_version,
            "current_version": session.current_version,
            "chosen_at_epoch": session.chosen_at_epoch,
            "synced_at": session.synced_at,
            "updated_at": session.updated_at,
        }
        await self._connection.execute(_SAVE, row)

    async def remove(self, account_id: str) -> bool:
        """Forget a session; its versions and keys go with it."""
        return (await self._connection.execute(_REMOVE, {"account_id": account_id})).one_or_none() is not None

    async def page(self, after: str | None, limit: int) -> list[SessionView]:
        """Sessions by account id."""
        rows = await self._connection.execute(_PAGE, {"after": after or "", "limit": limit})
        return [_view(row) for row in rows]

    async def view(self, account_id: str) -> SessionView | None:
        """One session as `page` has it."""
        row = (await self._connection.execute(_VIEW_ONE, {"account_id": account_id})).one_or_none()
        return None if row is None else _view(row)

    async def claim(self, fingerprint: bytes, account_id: str) -> str:
        """Whose key it is."""
        await self._connection.execute(_CLAIM, {"fingerprint": fingerprint, "account_id": account_id})
        return (await self.owners([fingerprint])).get(fingerprint, account_id)

    async def owners(self, fingerprints: Collection[bytes]) -> Mapping[bytes, str]:
        """The accounts of those keys that are known."""
        rows = await self._connection.execute(_OWNERS, {"fingerprints": list(fingerprints)})
        return {bytes(row.fingerprint): row.account_id for row in rows}

    async def add(self, version: SessionVersion, sealed: bytes) -> None:
        """Insert a version with its content."""
        await self._connection.execute(_ADD, _row(version))
        row = {"account_id": version.account_id, "version": version.version, "sealed": sealed}
        await self._connection.execute(_ADD_CONTENT, row)

    async def move(self, version: SessionVersion) -> None:
        """Write the newer place of the same content."""
        await self._connection.execute(_MOVE, _row(version))

    async def forget_syncs(self, account_id: str, keep: int, but: int) -> None:
        """Drop all of the nodes' states but the newest and one."""
        await self._connection.execute(_FORGET, {"account_id": account_id, "keep": keep, "but": but})

    async def version(self, account_id: str, version: int) -> SessionVersion | None:
        """A version."""
        key = {"account_id": account_id, "version": version}
        return _version((await self._connection.execute(_ONE_VERSION, key)).one_or_none())

    async def by_hash(self, account_id: str, hash_: str) -> SessionVersion | None:
        """The version of this content."""
        key = {"account_id": account_id, "hash": hash_}
        return _version((await self._connection.execute(_BY_HASH, key)).one_or_none())

    async def versions(self, account_id: str, before: int | None, limit: int) -> list[SessionVersion]:
        """Versions, the newest first."""
        below = _MOST_VERSION if before is None else before
        rows = await self._connection.execute(_VERSIONS, {"account_id": account_id, "before": below, "limit": limit})
        return [version for row in rows if (version := _version(row))]

    async def content(self, account_id: str, version: int) -> bytes | None:
        """A version's sealed content."""
        key = {"account_id": account_id, "version": version}
        found = (await self._connection.execute(_CONTENT, key)).scalar_one_or_none()
        return None if found is None else bytes(found)

    async def hold(self, holder: Holder) -> None:
        """Note who has an account."""
        await self._connection.execute(_HOLD, asdict(holder))
        old = {"account_id": holder.account_id, "oldest": holder.epoch - MOST_EPOCHS}
        await self._connection.execute(_FORGET_HOLDERS, old)

    async def holder(self, account_id: str, epoch: int) -> Holder | None:
        """Who had the account in this epoch."""
        key = {"account_id": account_id, "epoch": epoch}
        return _holder((await self._connection.execute(_HOLDER, key)).one_or_none())

    async def newest_holder(self, account_id: str) -> Holder | None:
        """Who had it last."""
        return _holder((await self._connection.execute(_NEWEST_HOLDER, {"account_id": account_id})).one_or_none())

    async def is_awaited(self, account_id: str, hash_: str) -> bool:
        """Whether the registry has said that this state is on its way."""
        key = {"account_id": account_id, "hash": hash_}
        return bool((await self._connection.execute(_IS_AWAITED, key)).scalar_one())


def _session(row: Any) -> Session | None:
    if row is None:
        return None
    return Session(
        account_id=row.account_id,
        data_key=bytes(row.data_key),
        created_at=row.created_at,
        updated_at=row.updated_at,
        latest_version=row.latest_version,
        current_version=row.current_version,
        chosen_at_epoch=row.chosen_at_epoch,
        synced_at=row.synced_at,
    )


def _version(row: Any) -> SessionVersion | None:
    if row is None:
        return None
    return SessionVersion(
        account_id=row.account_id,
        version=row.version,
        hash=row.hash,
        size=row.size,
        origin=SessionOrigin(row.origin),
        stored_at=row.stored_at,
        fingerprint=bytes(row.fingerprint),
        user_id=row.user_id,
        form=row.form,
        by=row.by_whom,
        node_id=row.node_id,
        place=None if row.epoch is None else SyncPlace(row.epoch, row.boot, row.number),
        final=row.final,
    )


def _view(row: Any) -> SessionView:
    session, current = _session(row), _version(row)
    assert session is not None and current is not None
    held = (
        None if row.held_node is None else Holder(row.account_id, row.held_epoch, row.held_node, row.said_at, row.held)
    )
    return SessionView(session, current, row.versions, held)


def _holder(row: Any) -> Holder | None:
    if row is None:
        return None
    return Holder(row.account_id, row.epoch, row.node_id, row.said_at, row.held, row.awaits)


def _row(version: SessionVersion) -> dict[str, Any]:
    place = version.place
    return {
        "account_id": version.account_id,
        "version": version.version,
        "hash": version.hash,
        "size": version.size,
        "origin": version.origin.value,
        "stored_at": version.stored_at,
        "fingerprint": version.fingerprint,
        "user_id": version.user_id,
        "form": version.form,
        "by_whom": version.by,
        "node_id": version.node_id,
        "epoch": place.epoch if place else None,
        "boot": place.boot if place else None,
        "number": place.number if place else None,
        "final": version.final,
    }
