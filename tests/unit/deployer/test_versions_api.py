"""Versions and orders through the API: what changed, and what an order takes away."""

from tests.unit.deployer.door import DEPLOY, SCRIPTS, Door

SCRIPT = """id: {id}
chats: ["@lobby"]
scenes:
  hello:
    triggers: [{{message: {{text: hello}}}}]
    steps: [{{reply: {words}}}]
"""


def script(words: str, script_id: str = "greeter") -> str:
    """A script that answers `hello`."""
    return SCRIPT.format(id=script_id, words=words)


async def test_two_versions_are_compared_line_by_line(door: Door) -> None:
    """Otherwise nobody could tell what the newest version does differently before sending it out."""
    for words in ("Hello!", "Good day!", "Good evening!"):
        await door.push(script(words))
    shown = (await door.http.get(f"{SCRIPTS}/greeter/versions/3/difference")).json()
    assert (shown["from_version"], shown["to_version"], shown["added"], shown["removed"]) == (2, 3, 1, 1)
    assert "-    steps: [{reply: Good day!}]\n+    steps: [{reply: Good evening!}]" in shown["unified"]
    assert shown["unified"].startswith("--- greeter version 2\n+++ greeter version 3\n")
    since = (await door.http.get(f"{SCRIPTS}/greeter/versions/3/difference?since=1")).json()
    assert "-    steps: [{reply: Hello!}]" in since["unified"]
    first = (await door.http.get(f"{SCRIPTS}/greeter/versions/1/difference")).json()
    assert (first["unified"], first["added"]) == ("", 0)


async def test_a_version_that_is_not_there_cannot_be_compared(door: Door) -> None:
    """Otherwise a mistyped number would look like no change at all."""
    await door.push(script("Hello!"))
    for path in ("greeter/versions/2/difference", "greeter/versions/1/difference?since=9"):
        refused = await door.http.get(f"{SCRIPTS}/{path}")
        assert refused.status_code == 404 and "has no version" in refused.json()["detail"]


async def test_an_order_answers_with_the_accounts_that_it_takes_from_another_script(door: Door) -> None:
    """Without it, two scripts that would both answer the same message on one account are not reported."""
    await door.push(script("Hello!"))
    await door.push(script("Good day!", "desk"))
    await door.http.post(DEPLOY, json={"selector": "all", "bind": "all"})
    answer = await door.http.post(DEPLOY.replace("greeter", "desk"), json={"node_ids": ["demo-a"], "bind": ["acc-1"]})
    assert answer.json()["takes_over"] == [
        {
            "script_id": "greeter",
            "version": 1,
            "node_count": 1,
            "nodes": [{"node_id": "demo-a", "accounts": ["acc-1"]}],
            "same_messages": [{"message": "hello", "scene": "hello", "other_scene": "hello", "chats": ["@lobby"]}],
        }
    ]


async def test_an_order_answers_on_how_many_nodes_nobody_plays_the_script(door: Door) -> None:
    """Verified everywhere, and nobody says a word: whoever forgot to bind it would look for a fault."""
    await door.push(script("Hello!"))

    async def unplayed(**order: object) -> object:
        return (await door.http.post(DEPLOY, json={"selector": "all", **order})).json()["unplayed"]

    assert await unplayed() == 2
    assert await unplayed(node_ids=["demo-a"], selector=None, bind=["acc-1"]) == 0
    assert await unplayed() == 1
    assert await unplayed(bind="all", rollout={"approval": True}) == 0
    assert await unplayed() == 1  # nobody has approved it
