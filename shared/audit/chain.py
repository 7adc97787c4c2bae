"""The chain: what a row of the audit log says, and how its hash binds it to the row before.

    hash = SHA-256( hash of the row before, a line break, the row in canonical JSON )

Canonical JSON has sorted keys, no blanks, ASCII alone, and times in UTC with microseconds. The first row follows 64
zeros. Whoever changes, removes or inserts a row breaks the chain there, unless they write every later row anew; that is
seen by whoever keeps the newest number and hash elsewhere (the services' logs have them). Pure: the service that writes
and the command that verifies have only this in common.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

FIRST = "0" * 64

Plain = str | int | bool | None | list[str | int | bool | None]
"""A value of a safe field: nothing that a database or another JSON library writes in another way."""


class Phase(StrEnum):
    """What a row tells: a change is about to be made, what came of it, it was refused; or a sign-in failed."""

    INTENT = "intent"
    OUTCOME = "outcome"
    REFUSED = "refused"
    SIGN_IN = "sign-in"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is to be written.

    `subject` are the path's parameters, `fields` those of the body (of the answer, in an outcome) that are no secret.
    `body_hash` is keyed: it proves a body to who has the key, and lets nobody guess at a password in it.
    """

    phase: Phase
    request_id: str
    actor: str
    role: str | None
    method: str
    route: str
    path: str
    subject: dict[str, str]
    fields: dict[str, Plain]
    status: int | None = None
    problem: str | None = None
    body_hash: str | None = None
    address: str | None = None


@dataclass(frozen=True, kw_only=True)
class Row(Entry):
    """What is written."""

    service: str
    number: int
    at: datetime
    hash: str


@dataclass(frozen=True)
class Head:
    """The newest row of a chain; number 0 for an empty one."""

    number: int = 0
    hash: str = FIRST


@dataclass(frozen=True)
class Broken:
    """The first row that does not fit, and why."""

    number: int
    reason: str


def linked(entry: Entry, service: str, head: Head, at: datetime) -> Row:
    """The entry as the row after `head`."""
    said = {one.name: getattr(entry, one.name) for one in fields(Entry)}
    row = Row(**said, service=service, number=head.number + 1, at=at, hash="")
    return Row(**said, service=service, number=row.number, at=at, hash=hash_of(row, head.hash))


def hash_of(row: Row, before: str) -> str:
    """The hash that the row must have after a row with the hash `before`."""
    said = {one.name: getattr(row, one.name) for one in fields(Row) if one.name != "hash"}
    said["at"] = row.at.astimezone(UTC).isoformat(timespec="microseconds")
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(f"{before}\n{canonical}".encode()).hexdigest()


def read_row(said: Mapping[str, Any]) -> Row:
    """A row from its JSON. Raises KeyError, TypeError or ValueError for what is none."""
    values = {one.name: said[one.name] for one in fields(Row)}
    return Row(**values | {"at": datetime.fromisoformat(said["at"]), "phase": Phase(said["phase"])})


class Walk:
    """Goes along a chain, row by row from the first one, in pieces of any size."""

    def __init__(self, head: Head = Head()) -> None:
        self.head = head

    def on(self, rows: Iterable[Row]) -> Broken | None:
        """Go on; the first row that does not fit."""
        for row in rows:
            expected = self.head.number + 1
            if row.number != expected:
                missing = f"row {expected} is missing: row {row.number} comes after row {self.head.number}"
                return Broken(expected, missing)
            if hash_of(row, self.head.hash) != row.hash:
                return Broken(row.number, "its content, or that of a row before it, is not what was written")
            self.head = Head(row.number, row.hash)
        return None
