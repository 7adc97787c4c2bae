"""Array literals: what PostgreSQL would read differently from what was meant."""

from datetime import datetime, timedelta, timezone

import pytest

from services.registry.domain.ports import Unwritable
from services.registry.store.columns import instants, numbers, texts
from tests.unit.registry.builders import AT


def test_texts_are_quoted_and_absent_ones_are_not() -> None:
    """An account called NULL would lose its name, a reason with a comma would become two."""
    assert texts(["NULL", "a,b", ""]) == '{"NULL","a,b",""}'
    assert texts(["a", None]) == '{"a",NULL}'
    assert texts([]) == "{}"


def test_quotes_backslashes_and_nul_are_escaped() -> None:
    """A reason could end its column and write into another row's."""
    assert texts(['a"b', "c\\d", "e\0f"]) == '{"a\\"b","c\\\\d","e\N{REPLACEMENT CHARACTER}f"}'


def test_numbers_and_instants() -> None:
    """Counters and times would not parse."""
    assert numbers([1, None, 2**40]) == "{1,NULL,1099511627776}"
    assert instants([AT, None]) == '{"2026-01-01 00:00:00+00:00",NULL}'


def test_a_time_that_could_not_be_read_back_is_refused() -> None:
    """One hand-written date would make every list of accounts an internal error."""
    with pytest.raises(Unwritable):
        instants([datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))])
