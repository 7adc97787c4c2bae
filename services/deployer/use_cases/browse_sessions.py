"""Questions about the vault's sessions, for the API. Each is one short transaction; raises Unavailable."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.deployer.domain.keeping import NotOpened, SessionSafe
from services.deployer.domain.ports import Store
from services.deployer.domain.sessions import SessionVersion, SessionView
from services.deployer.use_cases.store_sessions import NoSuchSession, NoSuchVersion
from shared.contracts.sessions import LARGEST_SESSION
from shared.packing import unpacked


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A version with its content, which is a secret."""

    version: SessionVersion
    content: bytes = field(repr=False)


class BrowseSessions:
    """See the module's docstring."""

    def __init__(self, store: Store, safe: SessionSafe) -> None:
        self._store = store
        self._safe = safe

    async def page(self, after: str | None, limit: int) -> Sequence[SessionView]:
        """Sessions by account id."""
        async with self._store.begin() as transaction:
            return await transaction.sessions.page(after, limit)

    async def one(self, account_id: str) -> SessionView | None:
        """One session."""
        async with self._store.begin() as transaction:
            return await transaction.sessions.view(account_id)

    async def versions(
        self, account_id: str, before: int | None, limit: int
    ) -> Sequence[SessionVersion] | NoSuchSession:
        """A session's versions, the newest first."""
        async with self._store.begin() as transaction:
            if await transaction.sessions.one(account_id) is None:
                return NoSuchSession()
            return await transaction.sessions.versions(account_id, before, limit)

    async def download(
        self, account_id: str, version: int | None
    ) -> Downloaded | NoSuchSession | NoSuchVersion | NotOpened:
        """A version (None: the current one) as the bytes of a Telethon session file."""
        async with self._store.begin() as transaction:
            session = await transaction.sessions.one(account_id)
            if session is None:
                return NoSuchSession()
            number = session.current_version if version is None else version
            found = await transaction.sessions.version(account_id, number)
            sealed = await transaction.sessions.content(account_id, number)
        if found is None or sealed is None:
            return NoSuchVersion()
        try:
            packed = self._safe.take(account_id, session.data_key, found.hash, sealed)
        except NotOpened as error:
            return error
        return Downloaded(found, unpacked(packed, LARGEST_SESSION))
