"""Accounts of nodes that are silent: until when they are waited for, and where they go then."""

from services.registry.domain.assignments import Takeover
from tests.contract.registry.office import Agent, Office


async def test_a_silent_node_is_waited_for_until_its_lease_and_a_margin_are_over(office: Office) -> None:
    """A session would be live twice, or an account down for ever."""
    await office.uploads("a")
    n, m = await office.node("n"), await office.node("m")
    await office.order("a", "n")
    await n.beats()
    await office.order("a", "m")
    await office.passes(31)
    await office.silent()
    assert await office.stands("a") == ("releasing", "n", 1, "m")
    await office.passes(10)
    await office.silent()
    assert await office.stands("a") == ("assigned", "m", 2, None)
    assert "fell silent" in ((await office.shown("a")).reason or "")
    await n.beats()
    assert n.runs == {}, "it comes back and is told that the account is not its any more"
    await m.beats()
    assert m.runs == {"a": 2}


async def test_what_a_silent_node_may_have_answered_is_not_answered_again(office: Office) -> None:
    """The vault's state is older than what was answered with it: guests would be answered twice."""
    await office.uploads("a")
    n, m = await office.node("n"), await office.node("m")
    await office.order("a", "n")
    await n.beats()
    assert n.silent_before == {"a": None}
    await office.order("a", "m")
    await office.passes(60)
    await office.silent()
    await m.beats()
    until = m.silent_before["a"]
    assert until is not None
    await office.order("a", "n")
    await m.beats()
    await m.beats()
    await n.beats()
    assert n.silent_before == {"a": until}, "a state that was handed back since may still not know of it"


async def test_a_node_with_another_ledger_does_not_answer_what_the_one_before_it_may_have(office: Office) -> None:
    """A machine that is set up anew under its old name has the vault's state, and no memory."""
    await office.uploads("a")
    n = await office.node("n")
    await office.order("a", "n")
    await n.beats()
    n.set = None
    await office.passes(60)
    await n.beats(ledger_id="f" * 32, boot=2)
    assert n.silent_before["a"] is not None


async def test_a_login_that_is_only_on_a_silent_node_waits_for_it(office: Office) -> None:
    """It would be assigned to a node that nobody can send it to, and its own would have to leave it."""
    await office.node("n", "a")
    await office.node("m")
    await office.order("a", "m")
    await office.passes(1000)
    await office.silent()
    assert await office.stands("a") == ("releasing", "n", 0, "m")


async def test_a_login_on_a_node_that_is_cut_off_may_be_claimed_elsewhere(office: Office) -> None:
    """A machine that burnt down would keep its accounts for ever, although their files are on another one."""
    lost = Agent(office, "lost", "a")
    await lost.beats()
    m = await office.node("m", "a")
    assert m.excluded == ["a"]
    await office.passes(100)
    await m.beats()
    await office.order("a", None)
    await office.silent()
    assert await office.store.assignment("a") is None
    await office.claim()
    await m.beats()
    assert m.runs == {"a": 0}


async def test_accounts_of_a_dead_node_move_where_the_policy_says_so(office: Office) -> None:
    """An account would be down until somebody wakes up, or be taken from a node that only restarts."""
    for each in ("a", "b"):
        await office.uploads(each)
    n, m = await office.node("n"), await office.node("m")
    for each in ("a", "b"):
        await office.order(each, "n")
    await n.beats()
    await office.policies.set_policy("n", Takeover.MOVE, None)
    await office.order.keep_policy("b", Takeover.WAIT)
    await office.passes(80)
    await m.beats()
    await office.silent()
    assert await office.stands("a") == ("assigned", "n", 1, None), "not yet: it may be restarting"
    await office.passes(20)
    await m.beats()
    await office.silent()
    await office.silent()
    assert await office.stands("a") == ("assigned", "m", 2, None)
    assert await office.stands("b") == ("assigned", "n", 1, None)


async def test_accounts_that_shall_move_and_have_no_place_say_why(office: Office) -> None:
    """They would be down with nothing but a line in a log, and the operator would take the policy for done."""
    await office.uploads("a")
    n = await office.node("n", "b", "c")
    await office.order("a", "n")
    for _ in range(2):
        await n.beats()
    await office.order.keep_policy("c", Takeover.WAIT)
    await office.policies.set_policy("n", Takeover.MOVE, None)
    assert await office.stranded() == {}
    await office.passes(100)
    await office.silent()
    shown = await office.stranded()
    assert sorted(shown) == ["a", "b"]
    assert shown["a"].endswith("no place: no other node takes accounts: one must be online, enrolled, not draining "
                               "and have room")  # fmt: skip
    assert "its login is on that node alone" in shown["b"]
    await office.node("m")
    assert sorted(await office.stranded()) == ["b"], "the next sweep moves it"
