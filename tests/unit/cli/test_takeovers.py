"""What an order takes from other scripts, in words."""

from typing import Any

import pytest

from services.cli.takeovers import sentences


def overlap(message: str, *chats: str) -> dict[str, Any]:
    """A message that both would answer."""
    return {"message": message, "scene": "a", "other_scene": "b", "chats": list(chats) or ["@lobby"]}


@pytest.mark.parametrize(
    ("nodes", "count", "overlaps", "said"),
    [
        ([["a1"]], 1, [], "desk takes 1 account on 1 node from greeter"),
        (
            [["a1", "a2"], ["b1"]],
            2,
            [overlap("hello")],
            "3 accounts on 2 nodes from greeter; both would answer “hello” in @lobby",
        ),
        ([["a1", "a2"], ["a1", "a2"]], 2, [], "desk takes 2 accounts on 2 nodes from greeter"),
        (["all", "all"], 2, [], "desk takes every account that plays greeter on 2 nodes"),
        (["all", ["b1"]], 2, [], "every account that plays greeter on 1 node and 1 account on 1 node from greeter"),
        ([["a1"]], 250, [], "desk takes accounts on 250 nodes from greeter"),
        (
            ["all"],
            1,
            [overlap("hello (in a mention)", "@a"), overlap("(somebody joins)", "@b"), overlap("/x"), overlap("/y")],
            "both would answer “hello” in a mention, somebody joins, “/x” and 1 more in @a, @b and @lobby",
        ),
        (["all"], 1, [overlap("price (tea)"), overlap("(hm)")], "both would answer “price (tea)” and “(hm)” in @lobby"),
    ],
)
def test_losses_in_words(nodes: list[Any], count: int, overlaps: list[dict[str, Any]], said: str) -> None:
    """A count of the wrong thing would make an operator shrug or stop for nothing."""
    answer = {
        "script_id": "desk",
        "takes_over": [
            {
                "script_id": "greeter",
                "version": 1,
                "node_count": count,
                "nodes": [{"node_id": f"n{place}", "accounts": accounts} for place, accounts in enumerate(nodes)],
                "same_messages": overlaps,
            }
        ],
    }
    (sentence,) = sentences(answer)
    assert sentence.endswith(said)


def test_an_order_that_takes_nothing_says_nothing() -> None:
    """A sentence that always comes is never read."""
    assert list(sentences({"script_id": "desk", "takes_over": []})) == list(sentences({})) == []
