"""Assignments from order to start, on both stores: asked back, handed back, given on, told."""

from services.registry.domain.assignment_rows import AssignmentQuestion
from services.registry.domain.views import AssignmentView
from shared.contracts.assignments import (
    ReleasedAccount,
)
from tests.contract.registry.office import HASH, NEWER, Office
from tests.contract.registry.subject import Subject
from tests.unit.registry.builders import PATIENCE, account


async def test_a_move_from_order_to_start(office: Office) -> None:
    """The whole way: asked back, handed back, the next epoch, the login sealed to the next node and no other."""
    n, m = await office.node("n", "a"), await office.node("m")
    await office.told()
    view = await office.order("a", "m")
    assert isinstance(view, AssignmentView)
    assert await office.told() == ["releasing a", "set n"]
    await m.beats(wanting=("a",))
    assert (m.runs, m.asked) == ({}, []), "nothing before the node that has it has given it back"
    await n.beats()  # learns it
    assert await office.stands("a") == ("releasing", "n", 0, "m")
    await n.beats()  # has given it back
    assert await office.stands("a") == ("assigned", "m", 1, None)
    assert (n.runs, n.excluded) == ({}, ["a"])
    assert await office.told() == ["assigned a", "set m"]
    await m.beats()
    await m.beats(wanting=("a",))
    assert (m.runs, m.asked) == ({"a": 1}, [("a", 1, NEWER)])
    await office.uploads("a", NEWER)
    await m.beats(wanting=("a",))
    assert m.asked == [("a", 1, None)], "the vault has it now"


async def test_a_login_is_sent_only_to_the_node_that_has_the_account(office: Office) -> None:
    """A node with stolen credentials would ask for every login of the fleet."""
    await office.uploads("a")
    n, m = await office.node("n"), await office.node("m")
    await office.order("a", "n")
    await m.beats(wanting=("a", "unknown"))
    assert m.asked == []
    m.seq += 1
    await office.takes(m, m.beat(account("a", epoch=9), assignments=m.goes_by, wanting=["a"]))
    await office.claim()
    assert (await office.shown("a")).node_id == "m", "a higher epoch is learnt, in case this database is an older copy"
    await m.beats(wanting=("a",))
    assert m.asked == [], "but no login is sent for it"
    await n.beats()
    assert n.runs == {}


async def test_a_word_of_an_earlier_tenure_is_not_taken(office: Office) -> None:
    """A beat that was late on its way would give an account to the next node while this one runs it."""
    n, m = await office.node("n", "a"), await office.node("m")
    before = n.goes_by
    await office.order("a", "m")
    n.seq += 1
    word = ReleasedAccount(account_id="a", epoch=0, session_hash=NEWER)
    await office.takes(n, n.beat(account("a", epoch=0), assignments=before, released=[word]))
    assert await office.stands("a") == ("releasing", "n", 0, "m")
    assert m.runs == {}


async def test_a_stale_beat_gives_nothing_back(office: Office) -> None:
    """A beat that was overtaken would undo what a newer one has said."""
    n = await office.node("n", "a")
    await office.node("m")
    await office.order("a", "m")
    await n.beats()
    late = n.seq
    word = [ReleasedAccount(account_id="a", epoch=0)]
    stale = n.beat(account("a", epoch=0), assignments=n.goes_by, released=word, seq=late - 1)
    await office.takes_together(stale)
    assert await office.stands("a") == ("releasing", "n", 0, "m")


async def test_what_was_handed_back_is_not_waited_for_for_ever(office: Office) -> None:
    """An account would be down because a node died with the newest state of its login."""
    await office.uploads("a")
    n, m = await office.node("n"), await office.node("m")
    await office.order("a", "n")
    await n.beats()
    await office.order("a", "m")
    await n.beats()
    await n.beats()
    await m.beats()
    await m.beats(wanting=("a",))
    assert m.asked == [("a", 2, NEWER)]
    given_back = office.clock.now()
    await office.clock.run_for(PATIENCE.total_seconds() + 1)
    await m.beats(wanting=("a",))
    assert m.asked == [], "first it is told until when it leaves messages unanswered"
    assert m.silent_before == {"a": given_back}
    await m.beats(wanting=("a",))
    assert m.asked == [("a", 2, None)]
    assert "did not come in time" in ((await office.shown("a")).reason or "")


async def test_the_same_order_again_changes_nothing(office: Office) -> None:
    """Who is not sure of an answer asks again: the account would restart each time."""
    await office.uploads("a")
    await office.node("n")
    await office.order("a", "n")
    await office.told()
    await office.order("a", "n")
    assert (await office.told(), await office.stands("a")) == ([], ("assigned", "n", 1, None))
    await office.order("a", None)
    await office.told()
    await office.order("a", None)
    assert (await office.told(), await office.stands("a")) == ([], ("releasing", "n", 1, None))


async def test_news_of_the_vault_are_taken_once(office: Office) -> None:
    """A new login could not be assigned; a repeated announcement would restart accounts."""
    await office.uploads("a")
    assert await office.stands("a") == ("unassigned", None, 0, None)
    assert await office.told() == ["announced a"]
    await office.uploads("a", change="announced", day=2)
    await office.node("n")
    await office.order("a", "n")
    await office.told()
    await office.uploads("a", NEWER, "chosen", day=3)
    assert await office.stands("a") == ("releasing", "n", 1, "n")
    assert await office.told() == ["releasing a", "set n"]
    await office.uploads("a", NEWER, "chosen", day=3)
    await office.uploads("a", HASH, "removed", day=2)
    assert await office.told() == []


async def test_every_assignment_is_announced(office: Office, subject: Subject) -> None:
    """A reader that missed a change would believe the old one for ever."""
    await office.node("n", "a", "b")
    await office.told()
    await office.announce()
    assert await office.told() == ["announced a", "announced b"]


async def test_assignments_are_listed_by_node(office: Office) -> None:
    """What a node is to get would be missed."""
    await office.node("n", "a")
    await office.node("m", "b")
    await office.order("a", "m")
    page = await office.store.assignment_page(AssignmentQuestion(node_id="m"), "", 10)
    assert [view.account_id for view in page] == ["a", "b"]
