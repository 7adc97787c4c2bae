"""The outbox: messages written in the transaction whose change they tell, published after it by a relay.

`Outbox.add` is called inside the use case's transaction. `OutboxRelay` publishes in batches and deletes what the
broker has confirmed; it may publish a message twice (with the same id), never lose one. An order that no queue
takes is dropped: the row that wants it sent is still there, and its timer will write it again. While a service is
updated, its replicas of before meet messages that they cannot read: those are left for the newer ones.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.contracts.catalogue import CONTRACT_BY_TYPE
from shared.contracts.contract import Contract
from shared.db.engine import Database
from shared.draining import Drain
from shared.messaging.bus import Bus, Unroutable
from shared.messaging.decoding import explain
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

# A message in the outbox of a replica that died is found by another's poll, after at most this many seconds.
POLL_SECONDS = 1.0
# One transaction holds this many rows while they are published: a fraction of a second of publishing.
BATCH = 500
# So many messages that it cannot read a replica passes over.
MOST_UNREAD = 1_000

OUTBOX_DDL = """
create table {schema}.outbox (
    id bigint generated always as identity primary key,
    message_id text not null,
    type text not null,
    body text not null,
    created_at timestamptz not null default now()
)
"""


class Outbox:
    """Writes messages to the outbox of one schema."""

    def __init__(self, schema: str, randomness: Randomness) -> None:
        self._insert = text(
            f"insert into {schema}.outbox (message_id, type, body) "
            "select * from unnest(cast(:ids as text[]), cast(:types as text[]), cast(:bodies as text[]))"
        )
        self._randomness = randomness

    async def add(self, connection: AsyncConnection, messages: Iterable[Contract]) -> None:
        """Put messages in the outbox, in the caller's transaction."""
        rows = [(self._randomness.new_id(), message.TYPE, message.model_dump_json()) for message in messages]
        if rows:
            ids, types, bodies = (list(column) for column in zip(*rows, strict=True))
            await connection.execute(self._insert, {"ids": ids, "types": types, "bodies": bodies})


@dataclass(frozen=True)
class _Row:
    id: int
    message_id: str
    message: Contract


class OutboxRelay:
    """The job that empties an outbox. Any number of replicas may `run` it at once; `wake` it after a commit.

    `bus` may be replaced before it runs, by one that stands in front of it.
    """

    def __init__(self, schema: str, database: Database, bus: Bus, clock: Clock, randomness: Randomness) -> None:
        self._take = text(
            f"select id, message_id, type, body from {schema}.outbox where type = any(cast(:types as text[])) "
            "and id <> all(cast(:unread as bigint[])) order by id limit :most for update skip locked"
        )
        self._delete = text(f"delete from {schema}.outbox where id = any(cast(:ids as bigint[]))")
        self._database = database
        self._unread: list[int] = []
        self.bus = bus
        drain = Drain(f"{schema} outbox", self.relay_once, POLL_SECONDS, clock, randomness)
        self.wake = drain.wake
        self.run = drain.run

    async def relay_once(self) -> bool:
        """Publish one batch; whether there may be more. Raises PublishFailed or Unavailable."""
        async with self._database.begin() as connection:
            asked = {"types": list(CONTRACT_BY_TYPE), "unread": self._unread, "most": BATCH}
            taken = list(await connection.execute(self._take, asked))
            rows = [row for found in taken if (row := self._row(found)) is not None]
            if not rows:
                return False
            results = await asyncio.gather(*(self._publish(row) for row in rows), return_exceptions=True)
            done = [row.id for row, result in zip(rows, results, strict=True) if result is None]
            await connection.execute(self._delete, {"ids": done})
        _raise_first(results)
        return len(taken) == BATCH

    def _row(self, found: Any) -> _Row | None:
        try:
            return _Row(found.id, found.message_id, CONTRACT_BY_TYPE[found.type].model_validate_json(found.body))
        except ValidationError as error:
            log.error("outbox_row_left", id=found.id, type=found.type, reason=explain(error),
                      advice="a newer replica of this service sends it")  # fmt: skip
            self._unread = [*self._unread, found.id][-MOST_UNREAD:]
            return None

    async def _publish(self, row: _Row) -> None:
        try:
            await self.bus.publish(row.message, message_id=row.message_id)
        except Unroutable as error:
            log.info("order_dropped", reason=str(error))


def _raise_first(results: Sequence[BaseException | None]) -> None:
    for result in results:
        if result is not None:
            raise result
