"""The audit log's chain, without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.audit.chain import FIRST, Broken, Entry, Head, Phase, Row, Walk, hash_of, linked

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def entry(**other: object) -> Entry:
    """A change."""
    said: dict[str, object] = {
        "phase": Phase.INTENT,
        "request_id": "r1",
        "actor": "ana",
        "role": "operator",
        "method": "POST",
        "route": "/things/{thing}",
        "path": "/things/7",
        "subject": {"thing": "7"},
        "fields": {"name": "鍵"},
    }
    return Entry(**{**said, **other})  # type: ignore[arg-type]


def chain(length: int) -> list[Row]:
    """So many rows."""
    rows: list[Row] = []
    for number in range(length):
        head = Head(rows[-1].number, rows[-1].hash) if rows else Head()
        rows.append(linked(entry(request_id=f"r{number}"), "registry", head, AT + timedelta(seconds=number)))
    return rows


def test_a_chain_that_was_only_written_is_whole_in_pieces_of_any_size() -> None:
    """Verifying would cry wolf, or a page's edge would hide a cut."""
    rows = chain(7)
    for size in (1, 3, 7):
        walk = Walk()
        assert all(walk.on(rows[at : at + size]) is None for at in range(0, 7, size))
        assert walk.head == Head(7, rows[-1].hash)


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "bob"},
        {"at": AT + timedelta(microseconds=1)},
        {"fields": {"name": "其"}},
        {"status": 200},
        {"service": "deployer"},
        {"hash": FIRST},
    ],
)
def test_a_row_that_was_altered_is_named(change: dict[str, object]) -> None:
    """Whoever can write to the database could change who did what."""
    rows = chain(5)
    rows[2] = replace(rows[2], **change)  # type: ignore[arg-type]
    broken = Walk().on(rows)
    assert broken is not None and broken.number == 3


def test_a_row_that_was_altered_with_its_own_hash_breaks_at_the_next_one() -> None:
    """Writing one row anew would be enough to lie."""
    rows = chain(5)
    lie = replace(rows[2], actor="bob")
    rows[2] = replace(lie, hash=hash_of(lie, rows[1].hash))
    assert Walk().on(rows) == Broken(4, "its content, or that of a row before it, is not what was written")


def test_a_row_that_was_taken_away_or_put_in_is_named() -> None:
    """A deed would disappear without a trace."""
    rows = chain(5)
    assert Walk().on(rows[:2] + rows[3:]) == Broken(3, "row 3 is missing: row 4 comes after row 2")
    assert Walk().on(rows[1:]) == Broken(1, "row 1 is missing: row 2 comes after row 0")


def test_the_hash_does_not_depend_on_how_a_time_is_written() -> None:
    """A client in another time zone would find every row broken."""
    (row,) = chain(1)
    elsewhere = replace(row, at=row.at.astimezone(timezone(timedelta(hours=8))))
    assert hash_of(elsewhere, FIRST) == row.hash


def test_the_canonical_form_stays_as_it_is() -> None:
    """Chains that were written before an upgrade would be broken after it."""
    assert chain(1)[0].hash == "446eea20fcca7d244fb48cbd9464c795aea0dbfd32d7202a3fd6cd555790024f"
