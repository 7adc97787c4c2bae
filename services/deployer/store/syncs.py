"""The table `session_syncs`: of each account the newest order to hand its login's state back."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.syncs import SyncOrder

_COLUMNS = (
    "account_id",
    "sync_id",
    "node_id",
    "epoch",
    "asked_at",
    "by_whom",
    "answered_at",
    "version",
    "hash",
    "problem",
)
_NAMES = ", ".join(_COLUMNS)
_PUT = text(
    f"insert into deployer.session_syncs ({_NAMES}) values ({', '.join(f':{name}' for name in _COLUMNS)}) "
    f"on conflict (account_id) do update set {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)
_ONE = f"select {_NAMES} from deployer.session_syncs where account_id = :account_id"
_READ = text(_ONE)
_LOCK = text(f"{_ONE} for update")


class PostgresSyncs:
    """Implements `domain.syncs.SyncRows`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, order: SyncOrder) -> None:
        """Write an order in the place of the account's one before."""
        row = {name: getattr(order, "by" if name == "by_whom" else name) for name in _COLUMNS}
        await self._connection.execute(_PUT, row)

    async def one(self, account_id: str) -> SyncOrder | None:
        """An account's order."""
        return _order((await self._connection.execute(_READ, {"account_id": account_id})).one_or_none())

    async def lock(self, account_id: str) -> SyncOrder | None:
        """The same, locked."""
        return _order((await self._connection.execute(_LOCK, {"account_id": account_id})).one_or_none())


def _order(row: Any) -> SyncOrder | None:
    if row is None:
        return None
    fields = dict(row._mapping)
    return SyncOrder(by=fields.pop("by_whom"), **fields)
