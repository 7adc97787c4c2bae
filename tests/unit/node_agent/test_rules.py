"""The small pure rules: repeats, bindings, and the verdict on an order."""

from datetime import UTC, datetime, timedelta

from services.node_agent.domain.accounts import Seen
from services.node_agent.domain.deliveries import (
    Answer,
    Applied,
    Apply,
    Delivery,
    Failed,
    NewestOrder,
    Overtaken,
    StoredArtifact,
    judged,
    mistaken,
)
from shared.contracts.artifacts import AppliedArtifact, FileState
from shared.contracts.bindings import rebound, script_of
from shared.contracts.deliveries import DeliverArtifact, FailureCause
from tests.support.agent.orders import order, script

ORDER = order(script("hi"))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def stored(by: DeliverArtifact) -> StoredArtifact:
    """What the order led to."""
    return StoredArtifact(AppliedArtifact(**by.artifact.model_dump()), by.delivery_id, by.issued_at)


def test_all_means_later_accounts_too_and_a_list_names_exactly_who() -> None:
    """The operator's words for who plays a script."""
    everyone = rebound({"a": "old"}, "new", "all")
    assert script_of(everyone, "a") == script_of(everyone, "came-later") == "new"
    some = rebound(everyone, "other", ["b"])
    assert (script_of(some, "a"), script_of(some, "b")) == ("new", "other")
    fewer = rebound(some, "new", ["a"])
    assert (script_of(fewer, "a"), script_of(fewer, "b"), script_of(fewer, "c")) == ("new", "other", None)
    assert rebound(fewer, "new", None) == fewer


def test_a_message_is_a_repeat_only_if_nothing_about_it_is_newer() -> None:
    """A world that counts its messages anew must still be heard."""
    seen = Seen(10, NOW)
    assert seen.covers(10, NOW) and seen.covers(9, NOW - timedelta(seconds=1))
    assert not seen.covers(11, NOW) and not seen.covers(1, NOW + timedelta(seconds=1))


def test_an_unknown_order_is_applied_unless_a_later_one_stands() -> None:
    """An order that was overtaken on its way must not roll the node back."""
    later = order(script("later"), 2)
    assert judged(ORDER, None, None, None) == Apply()
    assert isinstance(judged(ORDER, None, stored(later), stored(later).artifact), Overtaken)
    assert judged(later, None, stored(ORDER), stored(ORDER).artifact) == Apply()


def test_an_order_that_was_held_back_is_not_applied_after_a_later_one_that_failed() -> None:
    """Whoever carries orders could choose which old version a node runs, by keeping one for a bad day."""
    newest = NewestOrder("dlv_" + "9" * 32, ORDER.issued_at + timedelta(seconds=5))
    before = ORDER.issued_at - timedelta(seconds=5)
    failed = Delivery(ORDER, Failed(FailureCause.DOWNLOAD_FAILED, "404"))
    older = stored(order(script("older"), 9, issued_at=before))
    assert isinstance(judged(ORDER, None, older, older.artifact, newest), Overtaken)
    assert isinstance(judged(ORDER.model_copy(update={"attempt": 2}), failed, None, None, newest), Overtaken)
    # What is loaded is repaired by its own order, however old that is.
    assert judged(ORDER, None, stored(ORDER), None, newest) == Apply()


def test_a_known_order_is_answered_and_not_applied_again() -> None:
    """Exactly once: the deployer repeats itself, the node does not."""
    waiting, done = Delivery(ORDER), Delivery(ORDER, Applied(True))
    again = ORDER.model_copy(update={"attempt": 2})
    assert judged(again, waiting, None, None) == Answer(waiting)
    assert judged(again, done, stored(ORDER), stored(ORDER).artifact) == Answer(done)
    later = stored(order(script("later"), 2))
    assert judged(again, done, later, later.artifact) == Answer(done)


def test_a_failed_order_is_tried_again_only_by_a_later_attempt() -> None:
    """A redelivered message is no new attempt; the deployer's next one is."""
    failed = Delivery(ORDER, Failed(FailureCause.DOWNLOAD_FAILED, "404"))
    assert judged(ORDER, failed, None, None) == Answer(failed)
    assert judged(ORDER.model_copy(update={"attempt": 2}), failed, None, None) == Apply()


def test_an_applied_order_whose_file_was_damaged_is_applied_again() -> None:
    """Otherwise a node with a damaged file could never be mended."""
    done, loaded = Delivery(ORDER, Applied(True)), stored(ORDER).artifact
    assert judged(ORDER, done, stored(ORDER), None) == Apply()
    for state in (FileState.ALTERED, FileState.MISSING):
        assert judged(ORDER, done, stored(ORDER), loaded.model_copy(update={"file": state})) == Apply()
    assert judged(ORDER, done, stored(ORDER), loaded.model_copy(update={"file": FileState.INTACT})) == Answer(done)


def test_an_order_names_its_content_once() -> None:
    """Without content there is nothing to load; with two, nobody could say which counts."""
    assert mistaken(ORDER) is None
    assert mistaken(ORDER.model_copy(update={"url": "http://x"})) is not None
    assert mistaken(ORDER.model_copy(update={"content": None})) is not None
