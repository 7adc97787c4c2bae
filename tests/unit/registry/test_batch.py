"""Batches of heartbeats, collapsed."""

from services.registry.domain.batch import judged
from services.registry.domain.node import StoredNode
from tests.unit.registry.builders import account, beat


def test_several_beats_of_a_node_become_one_row_for_each_account() -> None:
    """An upsert that meets a row twice fails as a whole."""
    batch = judged(
        {"n": StoredNode("n")},
        [
            beat(2, account("a", message_count=2), base=1),
            beat(1, account("a", message_count=1), account("b")),
            beat(3, base=2, removed=["b"]),
        ],
    )
    rows = [(report.account_id, group.seq, report.message_count) for group in batch.groups for report in group.reports]
    assert rows == [("a", 2, 2)]
    assert [(removal.account_id, removal.seq) for removal in batch.removals] == [("b", 3)]
    assert [(full.node_id, full.seq) for full in batch.full] == [("n", 1)]


def test_an_account_named_twice_in_a_beat_is_written_once() -> None:
    """A hand-written body with a repetition would fail the batch of a hundred other nodes."""
    batch = judged({"n": StoredNode("n")}, [beat(1, account("a"), account("a", message_count=5))])
    assert [report.message_count for group in batch.groups for report in group.reports] == [5]
