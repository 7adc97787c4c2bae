"""The twin of `store.sessions`, `store.sealed`, `store.sign_ins` and `store.syncs`, on tables of its own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from services.deployer.domain.keeping import SealedRow, Shelf
from services.deployer.domain.sessions import MOST_EPOCHS, Holder, Session, SessionVersion, SessionView
from services.deployer.domain.sign_ins import SignIn
from services.deployer.domain.signing_keys import Keys
from services.deployer.domain.syncs import SyncOrder
from shared.contracts.sessions import SessionOrigin

_FORM = b"\x02"
_HEAD_BYTES = 9


@dataclass
class VaultTables:
    """What the vault keeps."""

    sessions: dict[str, Session] = field(default_factory=dict)
    versions: dict[tuple[str, int], SessionVersion] = field(default_factory=dict)
    contents: dict[tuple[str, int], bytes] = field(default_factory=dict)
    fingerprints: dict[bytes, str] = field(default_factory=dict)
    holders: dict[tuple[str, int], Holder] = field(default_factory=dict)
    sign_ins: dict[str, SignIn] = field(default_factory=dict)
    syncs: dict[str, SyncOrder] = field(default_factory=dict)

    def copy(self) -> "VaultTables":
        """A snapshot: the rows are frozen."""
        return VaultTables(**{name: dict(table) for name, table in vars(self).items()})


class InMemorySessions:
    """Implements `domain.sessions.SessionRows`."""

    def __init__(self, tables: VaultTables) -> None:
        self._tables = tables

    async def enter(self, session: Session) -> None:
        """Insert a session without versions; one that is there stays."""
        empty = Session(session.account_id, session.data_key, session.created_at, session.created_at)
        self._tables.sessions.setdefault(session.account_id, empty)

    async def lock(self, account_id: str) -> Session | None:
        """A session."""
        return self._tables.sessions.get(account_id)

    async def one(self, account_id: str) -> Session | None:
        """A session."""
        return self._tables.sessions.get(account_id)

    async def save(self, session: Session) -> None:
        """Write what can change of a session."""
        before = self._tables.sessions[session.account_id]
        kept = replace(session, data_key=before.data_key, created_at=before.created_at)
        self._tables.sessions[session.account_id] = kept

    async def remove(self, account_id: str) -> bool:
        """Forget a session with all its versions and keys."""
        tables = self._tables
        for key in [key for key in tables.versions if key[0] == account_id]:
            del tables.versions[key], tables.contents[key]
        for print_ in [print_ for print_, owner in tables.fingerprints.items() if owner == account_id]:
            del tables.fingerprints[print_]
        return tables.sessions.pop(account_id, None) is not None

    async def page(self, after: str | None, limit: int) -> list[SessionView]:
        """Sessions by account id."""
        ids = sorted(id_ for id_ in self._tables.sessions if id_ > (after or ""))
        return [view for id_ in ids if (view := await self.view(id_))][:limit]

    async def view(self, account_id: str) -> SessionView | None:
        """One session as `page` has it."""
        session = self._tables.sessions.get(account_id)
        current = self._tables.versions.get((account_id, session.current_version)) if session else None
        if session is None or current is None:
            return None
        count = sum(key[0] == account_id for key in self._tables.versions)
        return SessionView(session, current, count, await self.newest_holder(account_id))

    async def claim(self, fingerprint: bytes, account_id: str) -> str:
        """Whose key it is."""
        return self._tables.fingerprints.setdefault(fingerprint, account_id)

    async def owners(self, fingerprints: Collection[bytes]) -> Mapping[bytes, str]:
        """The accounts of those keys that are known."""
        known = self._tables.fingerprints
        return {one: known[one] for one in fingerprints if one in known}

    async def add(self, version: SessionVersion, sealed: bytes) -> None:
        """Insert a version with its content."""
        key = (version.account_id, version.version)
        if key in self._tables.versions or await self.by_hash(version.account_id, version.hash):
            raise ValueError(f"version {version.version} of {version.account_id} is there")
        self._tables.versions[key] = version
        self._tables.contents[key] = sealed

    async def move(self, version: SessionVersion) -> None:
        """Write the newer place of the same content."""
        key = (version.account_id, version.version)
        before = self._tables.versions[key]
        self._tables.versions[key] = replace(before, place=version.place, node_id=version.node_id, final=version.final)

    async def forget_syncs(self, account_id: str, keep: int, but: int) -> None:
        """Drop all of the nodes' states but the newest and one."""
        syncs = [
            key
            for key, version in sorted(self._tables.versions.items(), reverse=True)
            if key[0] == account_id and version.origin is SessionOrigin.SYNC
        ]
        for key in syncs[keep:]:
            if key[1] != but:
                del self._tables.versions[key], self._tables.contents[key]

    async def version(self, account_id: str, version: int) -> SessionVersion | None:
        """A version."""
        return self._tables.versions.get((account_id, version))

    async def by_hash(self, account_id: str, hash_: str) -> SessionVersion | None:
        """The version of this content."""
        every = (one for key, one in self._tables.versions.items() if key[0] == account_id)
        return next((one for one in every if one.hash == hash_), None)

    async def versions(self, account_id: str, before: int | None, limit: int) -> list[SessionVersion]:
        """Versions, the newest first."""
        numbers = sorted((key[1] for key in self._tables.versions if key[0] == account_id), reverse=True)
        asked = [number for number in numbers if before is None or number < before]
        return [self._tables.versions[account_id, number] for number in asked[:limit]]

    async def content(self, account_id: str, version: int) -> bytes | None:
        """A version's sealed content."""
        return self._tables.contents.get((account_id, version))

    async def hold(self, holder: Holder) -> None:
        """Note who has an account."""
        holders, key = self._tables.holders, (holder.account_id, holder.epoch)
        known = holders.get(key)
        if known is None or known.said_at <= holder.said_at:
            holders[key] = replace(holder, awaits=holder.awaits or (known.awaits if known else None))
        for old in [old for old in holders if old[0] == key[0] and old[1] <= holder.epoch - MOST_EPOCHS]:
            del holders[old]

    async def holder(self, account_id: str, epoch: int) -> Holder | None:
        """Who had the account in this epoch."""
        return self._tables.holders.get((account_id, epoch))

    async def newest_holder(self, account_id: str) -> Holder | None:
        """Who had it last."""
        epochs = [key for key in self._tables.holders if key[0] == account_id]
        return self._tables.holders[max(epochs)] if epochs else None

    async def is_awaited(self, account_id: str, hash_: str) -> bool:
        """Whether the registry has said that this state is on its way."""
        every = (one for key, one in self._tables.holders.items() if key[0] == account_id)
        return any(one.awaits == hash_ for one in every)


class InMemorySealed:
    """Implements `domain.keeping.SealedRows`. `logins` are the servers' sealed ones, `own` the deployer's own keys."""

    def __init__(self, tables: VaultTables, logins: dict[str, bytes], own: Mapping[str, Keys]) -> None:
        self._tables = tables
        self._logins = logins
        self._own = own

    async def counts(self) -> Mapping[str, int]:
        """How many secrets are sealed under each master key."""
        counts: dict[str, int] = {}
        own = [key.sealed for keys in self._own.values() for key in keys.keys]
        for sealed in [*(row.sealed for row in self._all()), *own]:
            name = sealed[1:_HEAD_BYTES].hex() if sealed[:1] == _FORM else "former"
            counts[name] = counts.get(name, 0) + 1
        return counts

    async def claim(self, key_id: str, most: int) -> list[SealedRow]:
        """Some secrets that are sealed under another key."""
        head = _FORM + bytes.fromhex(key_id)
        return [row for row in self._all() if row.sealed[:_HEAD_BYTES] != head][:most]

    async def put(self, rows: Sequence[SealedRow]) -> None:
        """Write secrets."""
        for row in rows:
            match row.shelf:
                case Shelf.SESSION_KEYS:
                    session = self._tables.sessions[row.row_id]
                    self._tables.sessions[row.row_id] = replace(session, data_key=row.sealed)
                case Shelf.SERVER_LOGINS:
                    self._logins[row.row_id] = row.sealed

    def _all(self) -> list[SealedRow]:
        sessions = [SealedRow(Shelf.SESSION_KEYS, id_, one.data_key) for id_, one in self._tables.sessions.items()]
        logins = [SealedRow(Shelf.SERVER_LOGINS, id_, sealed) for id_, sealed in self._logins.items()]
        return [row for shelf in (sessions, logins) for row in sorted(shelf, key=lambda one: one.row_id)]


class InMemorySignIns:
    """Implements `domain.sign_ins.SignInRows`."""

    def __init__(self, tables: VaultTables) -> None:
        self._sign_ins = tables.sign_ins

    async def add(self, sign_in: SignIn) -> None:
        """Insert one, and forget those that ended a day before it."""
        before = sign_in.created_at - timedelta(days=1)
        for old in [id_ for id_, one in self._sign_ins.items() if one.expires_at < before]:
            del self._sign_ins[old]
        self._sign_ins[sign_in.login_id] = sign_in

    async def lock(self, login_id: str) -> SignIn | None:
        """One."""
        return self._sign_ins.get(login_id)

    async def one(self, login_id: str) -> SignIn | None:
        """One."""
        return self._sign_ins.get(login_id)

    async def save(self, sign_in: SignIn) -> None:
        """Write what can change of one."""
        if sign_in.login_id in self._sign_ins:
            self._sign_ins[sign_in.login_id] = sign_in


class InMemorySyncs:
    """Implements `domain.syncs.SyncRows`."""

    def __init__(self, tables: VaultTables) -> None:
        self._syncs = tables.syncs

    async def put(self, order: SyncOrder) -> None:
        """Write an order in the place of the account's one before."""
        self._syncs[order.account_id] = order

    async def one(self, account_id: str) -> SyncOrder | None:
        """An account's order."""
        return self._syncs.get(account_id)

    async def lock(self, account_id: str) -> SyncOrder | None:
        """The same."""
        return self._syncs.get(account_id)
