"""Tables at every width: what is copied stays whole, what is read folds, what can be spared goes first."""

import pytest
from rich.cells import cell_len
from rich.text import Text

from services.cli.table import Column, Record, Table, fold, lay_out

ID = "dep_" + "0123456789abcdef" * 2
COLUMNS = (
    Column("deployment", "id"),
    Column("reason", "reason", folds=12),
    Column("queue", "queue", spare=1),
    Column("age", "age", spare=2),
)
RECORDS: list[Record] = [
    {"id": ID, "reason": "a reason of many words that one has to read", "queue": "deployer.reports", "age": "3 s ago"},
    {"id": "dep_2", "reason": None, "queue": "x", "age": ""},
]


def text(table: Table) -> list[str]:
    """The lines without their styles."""
    return [line.plain for line in table.lines]


def test_without_a_limit_every_row_is_one_line() -> None:
    """If this broke, `grep` and `awk` would see halves of rows."""
    lines = text(lay_out(COLUMNS, [*RECORDS, {"id": "dep_3", "reason": "two\nlines"}], None))
    assert len(lines) == 4
    assert "a reason of many words that one has to read  deployer.reports  3 s ago" in lines[1]
    assert "two lines" in lines[3]
    assert not any(line.endswith(" ") for line in lines)


@pytest.mark.parametrize("room", [120, 80, 60, 40, 10])
def test_an_id_is_whole_at_every_width(room: int) -> None:
    """If this broke, an id could not be copied from a small window."""
    lines = text(lay_out(COLUMNS, RECORDS, room))
    assert sum(ID in line for line in lines) == 1
    if room >= 60:
        assert max(map(cell_len, lines)) <= room


def test_what_folds_is_narrowed_before_anything_is_left_out() -> None:
    """If this broke, columns would vanish from windows that have room for them."""
    table = lay_out(COLUMNS, RECORDS, 90)
    assert table.left_out == ()
    assert len(table.lines) > 3
    assert "deployer.reports" in " ".join(text(table))


def test_the_sparest_column_goes_first_and_is_named() -> None:
    """If this broke, the operator would take what is shown for all there is."""
    assert lay_out(COLUMNS, RECORDS, 74).left_out == ("age",)
    assert lay_out(COLUMNS, RECORDS, 60).left_out == ("age", "queue")
    assert lay_out(COLUMNS, RECORDS, 10).left_out == ("age", "queue")


@pytest.mark.parametrize(
    ("words", "width", "lines"),
    [
        ("to be or not", 5, ["to be", "or", "not"]),
        ("see http://a.very.long.address/ now", 8, ["see", "http://a.very.long.address/", "now"]),
        ("這個帳號需要登入", 8, ["這個帳號", "需要登入"]),
        ("one\n\ntwo", 20, ["one", "", "two"]),
        ("", 5, [""]),
    ],
)
def test_folding_parts_words_and_never_a_word(words: str, width: int, lines: list[str]) -> None:
    """If this broke, an address in a reason would be cut in two, or Chinese would run out of the window."""
    assert [line.plain for line in fold(Text(words), width)] == lines


def test_an_empty_table_is_its_headings() -> None:
    """If this broke, a deployment without deliveries would end in a traceback."""
    assert text(lay_out(COLUMNS, [], 80)) == ["deployment  reason  queue  age"]
