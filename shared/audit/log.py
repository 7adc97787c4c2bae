"""The port of the audit log, and its twin in memory.

`shared.audit.postgres` is the real one; both are under one contract suite. Rows are written one after the other, each
in a transaction of its own, so that what is about to be done is on disk before it is done. Raises `Unavailable`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.audit.chain import Entry, Head, Phase, Row, linked
from shared.clock import Clock


@dataclass(frozen=True)
class Question:
    """Which rows: None leaves open. `place` is the number of the row that was read last."""

    actor: str | None = None
    phase: Phase | None = None
    request_id: str | None = None
    since: datetime | None = None
    newest_first: bool = True
    place: int | None = None

    def fits(self, row: Row) -> bool:
        """Whether the row is asked for."""
        beyond = self.place is None or (row.number < self.place if self.newest_first else row.number > self.place)
        return (
            beyond
            and self.actor in (None, row.actor)
            and self.phase in (None, row.phase)
            and self.request_id in (None, row.request_id)
            and (self.since is None or row.at >= self.since)
        )


class AuditLog(Protocol):
    """One service's chain."""

    @property
    def service(self) -> str:
        """Whose chain it is."""
        ...

    async def write(self, entry: Entry) -> Row:
        """Append a row; it is durable when this returns."""
        ...

    async def page(self, question: Question, limit: int) -> list[Row]:
        """Rows in the order of their numbers, or against it."""
        ...


class InMemoryAuditLog:
    """The twin. `fail_with` is raised while it is set, as PostgreSQL does when it is away."""

    def __init__(self, service: str, clock: Clock) -> None:
        self.service = service
        self.rows: list[Row] = []
        self.fail_with: Exception | None = None
        self._clock = clock

    async def write(self, entry: Entry) -> Row:
        """Append a row."""
        self._answer()
        head = Head(self.rows[-1].number, self.rows[-1].hash) if self.rows else Head()
        row = linked(entry, self.service, head, self._clock.now())
        self.rows.append(row)
        return row

    async def page(self, question: Question, limit: int) -> list[Row]:
        """Rows."""
        self._answer()
        rows = reversed(self.rows) if question.newest_first else iter(self.rows)
        return [row for row in rows if question.fits(row)][:limit]

    def _answer(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with
