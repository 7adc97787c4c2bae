"""A ledger that cannot be written for a while, as on a full disk; the whole agent."""

from tests.component.node_agent.virtual_agent import World


async def test_the_lease_goes_on(world: World) -> None:
    """Each grant would wait for the ledger to forget what the registry has: after twenty of them none comes through,
    and every account is disconnected for a row that could not be deleted."""
    async with world.online():
        world.ledger.away = True
        world.registry.changes |= dict.fromkeys(range(1, 100), world.registry.changes[1])
        await world.clock.run_for(600)
        assert world.telegram.connects == {"anna": 1, "bert": 1} and world.telegram.connected("anna")
        world.ledger.away = False
        await world.clock.run_for(15)
        assert await world.ledger.execute("select * from changes") == []


async def test_who_was_stopped_meanwhile_is_told_when_it_is_back(world: World) -> None:
    """An account that nobody runs would be shown as online until the agent is started again."""
    vault = world.assigning()
    for account_id in ("anna", "bert"):
        vault.assign(account_id, 0)
    async with world.online():
        world.ledger.away = True
        vault.unassign("anna")
        await world.clock.run_for(20)
        assert not world.telegram.connected("anna") and world.telegram.connected("bert")
        world.ledger.away = False
        await world.clock.run_for(15)
        assert (world.status_of("anna"), world.status_of("bert")) == ("stopped", "online")


async def test_a_dead_login_is_not_asked_for_once_more(world: World) -> None:
    """Telegram punishes who asks for a dead login again and again, and does not care whose disk is full."""
    async with world.online():
        world.ledger.away = True
        world.telegram.kill("anna")
        await world.clock.run_for(600)
        world.ledger.away = False
        await world.clock.run_for(90)
        assert world.status_of("anna") == "error" and world.telegram.connects["anna"] == 1
