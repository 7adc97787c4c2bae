"""When what accounts have lived is written to the ledger."""

import pytest

from services.node_agent.use_cases.roster import Roster
from tests.component.node_agent.virtual_agent import World


async def test_counters_are_written_within_a_second_and_not_while_nothing_happens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand quiet accounts would wake the machine every second; ones that talk would lose counts in a crash."""
    written: list[float] = []
    flush = Roster.flush

    async def noted(roster: Roster) -> None:
        written.append(world.clock.monotonic())
        await flush(roster)

    monkeypatch.setattr(Roster, "flush", noted)
    async with world.online():
        written.clear()
        await world.clock.run_for(600)
        assert len(written) <= 2 * 10, "more than each of the two connections needs, once a minute"
        for _ in range(2):
            said = world.clock.monotonic()
            world.say("hello")
            await world.clock.run_for(10)
            assert said + 1.0 in written


async def test_what_the_ledger_did_not_take_is_written_when_it_is_back(world: World) -> None:
    """The counts of a full disk's minute would wait for the next message, and a crash before it would lose them."""

    async def written() -> list[int]:
        return [count for (count,) in await world.ledger.execute("select message_count from accounts order by 1")]

    async with world.online():
        world.ledger.away = True
        world.say("hello")
        await world.clock.run_for(5)
        assert await written() == [0, 0]
        world.ledger.away = False
        await world.clock.run_for(2)
        assert await written() == [1, 1]
