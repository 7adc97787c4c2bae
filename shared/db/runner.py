"""One runner of a job among all replicas, elected by a PostgreSQL advisory lock.

The lock belongs to a connection that is kept for it. When that connection dies the lock is free and another
replica takes over; the loser notices at its next step, because it asks before each one.
"""

import zlib
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.db.engine import Database
from shared.messaging.handling import Unavailable

log = structlog.get_logger(__name__)

_TRY = text("select pg_try_advisory_lock(:key)")
_HELD = text("select 1 from pg_locks where locktype = 'advisory' and objid = :key and pid = pg_backend_pid()")


class ElectedJob:
    """Runs `step` every `seconds` on the one replica that holds the lock called `name`."""

    def __init__(
        self, name: str, step: Callable[[], Awaitable[None]], seconds: float, database: Database, clock: Clock
    ) -> None:
        self._name = name
        # Advisory locks are numbers; 31 bits of the name's checksum, so that objid holds it whole.
        self._key = zlib.crc32(name.encode()) & 0x7FFFFFFF
        self._step = step
        self._seconds = seconds
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        """Stand for election and run, until cancelled."""
        while True:
            try:
                async with self._database.engine.connect() as connection:
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                    await self._reign(connection)
            except Exception as error:
                log.warning("job_waits", job=self._name, reason=f"{type(error).__name__}: {error}")
            await self._clock.sleep(self._seconds)

    async def _reign(self, connection: AsyncConnection) -> None:
        if not (await connection.execute(_TRY, {"key": self._key})).scalar():
            return
        log.info("job_elected", job=self._name)
        while (await connection.execute(_HELD, {"key": self._key})).scalar():
            try:
                await self._step()
            except Unavailable as error:
                log.warning("job_step_failed", job=self._name, reason=str(error))
            await self._clock.sleep(self._seconds)
