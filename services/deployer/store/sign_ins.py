"""The table `sign_ins`."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.sign_ins import SignIn
from shared.contracts.logins import LoginKind, LoginState

_COLUMNS = (
    "login_id, account_id, node_id, kind, created_at, updated_at, expires_at, by_whom, state, number, reason, hint, "
    "user_id, version"
)
_ADD = text(
    f"insert into deployer.sign_ins ({_COLUMNS}) values (:login_id, :account_id, :node_id, :kind, :created_at, "
    ":updated_at, :expires_at, :by_whom, :state, :number, :reason, :hint, :user_id, :version)"
)
_FORGET = text("delete from deployer.sign_ins where expires_at < :before")
_ONE = f"select {_COLUMNS} from deployer.sign_ins where login_id = :login_id"
_READ = text(_ONE)
_LOCK = text(f"{_ONE} for update")
_SAVE = text(
    "update deployer.sign_ins set state = :state, number = :number, reason = :reason, hint = :hint, "
    "user_id = :user_id, version = :version, updated_at = :updated_at where login_id = :login_id"
)
_KEPT = timedelta(days=1)


class PostgresSignIns:
    """Sign-ins in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, sign_in: SignIn) -> None:
        """Insert one, and forget those that ended a day before it."""
        await self._connection.execute(_FORGET, {"before": sign_in.created_at - _KEPT})
        await self._connection.execute(_ADD, _row(sign_in))

    async def lock(self, login_id: str) -> SignIn | None:
        """One, locked."""
        return _sign_in((await self._connection.execute(_LOCK, {"login_id": login_id})).one_or_none())

    async def one(self, login_id: str) -> SignIn | None:
        """One."""
        return _sign_in((await self._connection.execute(_READ, {"login_id": login_id})).one_or_none())

    async def save(self, sign_in: SignIn) -> None:
        """Write what can change of one."""
        await self._connection.execute(_SAVE, _row(sign_in))


def _row(sign_in: SignIn) -> dict[str, Any]:
    return {
        "login_id": sign_in.login_id,
        "account_id": sign_in.account_id,
        "node_id": sign_in.node_id,
        "kind": sign_in.kind.value,
        "created_at": sign_in.created_at,
        "updated_at": sign_in.updated_at,
        "expires_at": sign_in.expires_at,
        "by_whom": sign_in.by,
        "state": sign_in.state.value,
        "number": sign_in.number,
        "reason": sign_in.reason,
        "hint": sign_in.hint,
        "user_id": sign_in.user_id,
        "version": sign_in.version,
    }


def _sign_in(row: Any) -> SignIn | None:
    if row is None:
        return None
    return SignIn(
        login_id=row.login_id,
        account_id=row.account_id,
        node_id=row.node_id,
        kind=LoginKind(row.kind),
        created_at=row.created_at,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
        by=row.by_whom,
        state=LoginState(row.state),
        number=row.number,
        reason=row.reason,
        hint=row.hint,
        user_id=row.user_id,
        version=row.version,
    )
