"""What an order says of the scripts that it takes accounts from."""

from services.deployer.domain.takeovers import Loss, taken_over
from services.deployer.use_cases.bind_accounts import MOST_COMPARED
from shared.scripts import Overlap
from tests.unit.deployer.stand import Stand

GREETER = """
id: greeter
chats: ["@lobby", "@team"]
scenes:
  hello:
    triggers: [{message: {text: hello}}]
    steps: [{reply: Hello!}]
  help:
    triggers: [{command: /help}]
    steps: [{reply: Soon.}]
"""

DESK = """
id: desk
chats: ["@lobby"]
scenes:
  any-greeting:
    triggers: [{message: {pattern: "^(hello|good day)"}}]
    steps: [{reply: Good day!}]
  prices:
    triggers: [{command: /price}]
    steps: [{reply: Five.}]
"""


def test_an_account_of_its_own_and_everyone_are_told_apart() -> None:
    """Otherwise the operator would look for the loss at the wrong accounts."""
    before = {"a": {"*": "old", "acc-1": "older"}, "b": {"acc-2": "old"}, "c": {}, "d": {"*": "new"}}
    assert taken_over(before, "new", "all") == {
        "old": [Loss("a", None), Loss("b", ("acc-2",))],
        "older": [Loss("a", ("acc-1",))],
    }


def test_a_named_account_is_taken_from_what_it_played_as_one_of_all() -> None:
    """Otherwise binding one account away from the node's script would look harmless."""
    assert taken_over({"a": {"*": "old"}}, "new", ["acc-1"]) == {"old": [Loss("a", ("acc-1",))]}


def test_an_order_that_binds_nothing_takes_nothing() -> None:
    """Otherwise every push of a new version would be reported as a takeover."""
    assert taken_over({"a": {"*": "old"}}, "new", None) == {}


async def test_the_order_names_the_messages_that_both_scripts_would_answer(stand: Stand) -> None:
    """Without it two scripts that would both answer the same message on one account go unnoticed."""
    await stand.push(GREETER)
    await stand.push(DESK, "desk")
    await stand.order_script("greeter", "a", "b", bind="all")
    (takeover,) = (await stand.order_script("desk", "a", bind=["acc-1"])).takeovers
    assert (takeover.script_id, takeover.losses) == ("greeter", (Loss("a", ("acc-1",)),))
    assert takeover.same_messages == (Overlap("hello", "any-greeting", "hello", ("@lobby",)),)


async def test_the_next_order_sees_what_this_one_has_bound(stand: Stand) -> None:
    """Otherwise a takeover would be reported again and again, or its way back not at all."""
    await stand.push(GREETER)
    await stand.push(DESK, "desk")
    await stand.order_script("greeter", "a", bind="all")
    await stand.order_script("desk", "a", bind="all")
    assert (await stand.order_script("desk", "a", bind="all")).takeovers == ()
    (back,) = (await stand.order_script("greeter", "a", bind="all")).takeovers
    assert back.script_id == "desk"


async def test_so_many_scripts_are_compared_and_all_are_named(stand: Stand) -> None:
    """Otherwise an order that takes accounts from dozens of scripts would be answered after as many seconds."""
    await stand.push(DESK, "desk")
    losers = [f"script-{number:02}" for number in range(MOST_COMPARED + 1)]
    for loser in losers:
        await stand.push(GREETER.replace("greeter", loser), loser)
        await stand.order_script(loser, "a", bind=[f"acc-{loser}"])
    found = (await stand.order_script("desk", "a", bind="all")).takeovers
    assert [takeover.script_id for takeover in found] == losers
    assert [bool(takeover.same_messages) for takeover in found] == [True] * MOST_COMPARED + [False]
