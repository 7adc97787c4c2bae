"""What accounts remember and have to say, over restarts, reloads and lapses of the lease; the whole agent."""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from structlog.testing import capture_logs

from services.node_agent.domain.telegram import FloodWait
from services.node_agent.store.progress import TABLES
from tests.component.node_agent.virtual_agent import ANNA, GUEST, World
from tests.support.agent.orders import order

HEAD = 'id: greeter\nchats: ["@demo_chat"]\n'
COUNT = """
  count:
    triggers: [{command: /count}]
    steps:
      - set: {visits: "{{ visits + 1 }}", total: "{{ total + 1 }}"}
      - reply: "{{ visits }} of {{ total }}"
"""
TOUR = """
  tour:
    triggers: [{command: /tour}]
    steps:
      - reply: begin
      - wait: 40s
      - reply: middle
      - goto: exit
  exit:
    steps:
      - wait: 40s
      - reply: end
"""
SCRIPT = f"{HEAD}variables: {{visits: 0}}\naccount_variables: {{total: 0}}\nscenes:{COUNT}{TOUR}"


def limited(limits: str) -> str:
    """The script with these limits."""
    return f"{HEAD}limits: {{{limits}}}\n" + SCRIPT.removeprefix(HEAD)


@asynccontextmanager
async def playing(world: World, text: str = SCRIPT) -> AsyncIterator[None]:
    """An agent on which anna plays the script."""
    async with world.online():
        await world.deliver(text, bind=["anna"])
        await world.clock.run_for(5)
        yield


def answers(world: World) -> list[str]:
    """What anna has said, whoever else spoke."""
    return [said.text for said in world.telegram.said if said.sender_id == ANNA]


def dropped(logs: list[MutableMapping[str, Any]]) -> list[str]:
    """Why messages were dropped."""
    return [str(entry["reason"]) for entry in logs if entry["event"] == "message_dropped"]


async def test_a_guest_on_a_tour_is_led_on_after_a_restart(world: World) -> None:
    """Everybody in the middle of a scene would be left standing at every update of the agent."""
    async with playing(world):
        world.say("/tour")
        await world.clock.run_for(20)
    async with world.running():
        await world.clock.run_for(15)
        assert answers(world) == ["begin"]
        await world.clock.run_for(10)
        assert answers(world) == ["begin", "middle"]
    await world.clock.run_for(60)
    async with world.online():
        assert answers(world) == ["begin", "middle", "end"]
        [asked] = [said.message_id for said in world.telegram.said if said.sender_id == GUEST]
        assert {said.reply_to for said in world.telegram.said if said.sender_id != GUEST} == {asked}


async def test_variables_of_guests_and_of_the_account_survive_a_restart(world: World) -> None:
    """A shop that forgets its customers with every restart is worse than none."""
    async with playing(world):
        world.say("/count")
        await world.clock.run_for(1)
        world.telegram.add_guest(901, "Another")
        world.say("/count", 901)
        await world.clock.run_for(1)
    async with world.online():
        world.say("/count")
        await world.clock.run_for(1)
        assert answers(world) == ["1 of 1", "1 of 2", "2 of 3"]


async def test_a_reload_keeps_the_places_that_still_exist_over_a_restart(world: World) -> None:
    """An operator who mends a word in a scene would end every conversation that is going on."""
    async with playing(world):
        world.say("/count")
        world.say("/tour")
        await world.clock.run_for(10)
        await world.deliver(SCRIPT.replace("middle", "centre"), 2, bind=["anna"])
        await world.clock.run_for(1)
    async with world.running():
        await world.clock.run_for(40)
        world.say("/count")
        await world.clock.run_for(1)
        assert answers(world) == ["1 of 1", "begin", "centre", "2 of 2"]


async def test_a_reload_without_the_scene_ends_it_for_good(world: World) -> None:
    """A scene that the operator has taken out must not come back to life with a restart or with a later version."""
    async with playing(world):
        world.say("/tour")
        await world.clock.run_for(1)
        await world.deliver(SCRIPT.replace(TOUR, ""), 2, bind=["anna"])
        await world.clock.run_for(1)
        assert await world.ledger.execute("select body from conversations") == []
        await world.deliver(SCRIPT, 3, bind=["anna"])
        await world.clock.run_for(1)
    async with world.running():
        await world.clock.run_for(120)
        assert answers(world) == ["begin"]


async def test_an_account_that_plays_something_else_forgets_its_conversations(world: World) -> None:
    """The old script's guests and words would come back when the account plays it again, months later."""
    other = f"{HEAD.replace('greeter', 'other')}scenes:{TOUR}"
    async with playing(world, limited("per_chat_per_minute: 2")):
        for text in ("/count", "/tour", "/count", "/count"):
            world.say(text)
        await world.clock.run_for(1)
        with capture_logs() as logs:
            artifact = order(other, 2).artifact.model_copy(update={"id": "other"})
            await world.deliver(other, 2, artifact=artifact, bind=["anna"])
            await world.clock.run_for(90)
        assert dropped(logs) == ["the account does not play this script in this chat any more"] * 2
        await world.deliver(SCRIPT, 3, bind=["anna"])
        await world.clock.run_for(120)
        world.say("/count")
        await world.clock.run_for(1)
        assert answers(world) == ["1 of 1", "begin", "1 of 1"]


async def test_nothing_is_left_of_an_account_whose_file_is_gone(world: World) -> None:
    """Its guests' words would stay on the node's disk for ever."""
    async with playing(world):
        world.say("/count")
        world.say("/tour")
        await world.clock.run_for(1)
        del world.sessions.files["anna"]
        await world.clock.run_for(10)
        for table in TABLES:
            assert await world.ledger.execute(f"select * from {table} where account_id = 'anna'") == [], table


async def test_a_script_file_that_was_altered_costs_no_conversation(world: World) -> None:
    """A damaged disk that is mended by the next delivery would have ended them all."""
    async with playing(world):
        world.say("/count")
        await world.clock.run_for(1)
    world.files.files["greeter"] += b"# edited by hand\n"
    async with world.running():
        await world.clock.run_for(20)
        await world.deliver(SCRIPT, bind=["anna"])
        await world.clock.run_for(5)
        world.say("/count")
        await world.clock.run_for(1)
        assert answers(world) == ["1 of 1", "2 of 2"]


async def test_a_conversation_that_cannot_be_read_ends_alone(world: World) -> None:
    """A ledger that a newer agent wrote would keep an older one from playing at all."""
    async with playing(world):
        world.say("/count")
        world.telegram.add_guest(901, "Another")
        world.say("/count", 901)
        await world.clock.run_for(2)
    await world.ledger.execute(f"update conversations set body = '[]' where sender_id = {GUEST}")
    with capture_logs() as logs:
        async with world.online():
            for guest in (GUEST, 901):
                world.say("/count", guest)
            await world.clock.run_for(2)
    assert answers(world) == ["1 of 1", "1 of 2", "1 of 3", "2 of 4"]
    assert [entry["forgotten"] for entry in logs if entry["event"] == "conversations_unreadable"] == [1]


async def test_what_waits_for_its_turn_is_said_after_a_restart_in_order_and_within_the_limits(world: World) -> None:
    """A restart would lose what waited, or say it all at once in a chat that was promised calm."""
    async with playing(world, limited("per_chat_per_minute: 2, late: 10m")):
        for _ in range(5):
            world.say("/count")
        await world.clock.run_for(20)
        assert answers(world) == ["1 of 1", "2 of 2"]
    async with world.running():
        await world.clock.run_for(30)
        assert len(answers(world)) == 2
        await world.clock.run_for(20)
        assert answers(world)[2:] == ["3 of 3", "4 of 4"]
        await world.clock.run_for(60)
        assert answers(world)[4:] == ["5 of 5"]
        await world.clock.run_for(15)
        assert world.registry.accounts["anna"].reply_count == 5


async def test_telegrams_wait_is_obeyed_over_a_restart(world: World) -> None:
    """An agent that is restarted in the middle of a wait would ask again at once, which makes the next one longer."""
    async with playing(world, limited("late: 10m")):
        world.telegram.send_troubles["anna"].append(FloodWait(100, "sending"))
        world.say("/count")
        await world.clock.run_for(10)
    async with world.running():
        await world.clock.run_for(60)
        assert world.status_of("anna") == "waiting" and answers(world) == []
        assert "until 2026-01-01 00:01:50" in world.reason_of("anna")
        await world.clock.run_for(60)
        assert world.status_of("anna") == "online" and answers(world) == ["1 of 1"]


async def test_what_would_come_too_late_is_dropped_by_the_scripts_rule_where_the_operator_sees_it(world: World) -> None:
    """An answer that nobody waits for any more, or a silence that nobody can explain."""
    async with playing(world, limited("late: 30s")):
        world.telegram.send_troubles["anna"].append(FloodWait(100, "sending"))
        with capture_logs() as logs:
            world.say("/count")
            await world.clock.run_for(80)
            world.say("/count")
            await world.clock.run_for(40)
        assert answers(world) == ["2 of 2"]
        assert dropped(logs) == ["its turn comes in 100 s, limits.late is 30s"]


async def test_what_was_to_be_said_when_the_lease_lapsed_is_said_when_it_is_back(world: World) -> None:
    """A registry that is away for half a minute would cost the guests their answers."""
    async with playing(world, limited("per_chat_per_minute: 2, late: 5m")):
        for _ in range(3):
            world.say("/count")
        await world.clock.run_for(5)
        world.registry.granting = False
        await world.clock.run_for(60)
        assert not world.telegram.connected("anna") and answers(world) == ["1 of 1", "2 of 2"]
        world.registry.granting = True
        await world.clock.run_for(60)
        assert answers(world) == ["1 of 1", "2 of 2", "3 of 3"]
