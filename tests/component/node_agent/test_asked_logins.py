"""The whole agent and the vault's words on logins that go back: asked for at once, or refused; in virtual time."""

from services.node_agent.telegram.in_memory import login_of
from shared.contracts.identifiers import content_hash
from tests.component.node_agent.virtual_agent import GUEST, World, with_vault
from tests.support.agent.orders import NODE

FIRST, SECOND = f"syn_{1:032x}", f"syn_{2:032x}"
WHY = "the key of this login is account 'bert''s in the vault"


async def test_the_state_of_this_moment_is_handed_back_when_it_is_asked_for() -> None:
    """An operator who makes a backup would have yesterday's states in it."""
    world, vault = with_vault("anna")
    async with world.online():
        world.telegram.write(GUEST, "anna", "hello")
        await world.clock.run_for(1)
        assert vault.synced == []
        await world.bus.publish(vault.ask(NODE, "anna", 1))
        await world.clock.run_for(1)
        [state] = vault.synced
        assert (state.answers, state.epoch, state.final) == (FIRST, 1, False)
        assert state.hash == content_hash(login_of("anna", 1)), "saved only now: not what was saved a while ago"
        await world.bus.publish(vault.ask(NODE, "anna", 1, 2))
        await world.clock.run_for(1)
        assert [each.answers for each in vault.synced] == [FIRST, SECOND], "also when nothing has changed"
        world.telegram.write(GUEST, "anna", "hello again")
        await world.clock.run_for(700)
        assert [each.answers for each in vault.synced[2:]] == [None], "and it was answered once"


async def test_a_login_of_the_folder_is_handed_back_when_it_is_asked_for() -> None:
    """It could be in the vault only when the account moves away."""
    world = World("anna")
    vault = world.assigning()
    vault.assign("anna", 0)
    async with world.online():
        world.telegram.write(GUEST, "anna", "hello")
        await world.clock.run_for(1)
        await world.bus.publish(vault.ask(NODE, "anna", 0))
        await world.clock.run_for(1)
        assert [(each.epoch, each.answers) for each in vault.synced] == [(0, FIRST)]
        assert vault.versions["anna"] == [login_of("anna", 1)]


async def test_nothing_is_handed_back_that_is_not_this_nodes() -> None:
    """An order that was late would bring a state of an assignment that is over."""
    world, vault = with_vault("anna", "bert")
    async with world.online():
        vault.unassign("bert")
        await world.clock.run_for(15)
        before = len(vault.synced)
        await world.bus.publish(vault.ask(NODE, "anna", 2))
        await world.bus.publish(vault.ask(NODE, "bert", 1))
        await world.clock.run_for(30)
        assert [each.answers for each in vault.synced[before:]] == []


async def test_what_the_vault_refuses_is_kept_shown_and_not_said_again() -> None:
    """It was said every ten minutes for ever, each time one more dead letter, and only a log knew why."""
    world, vault = with_vault("anna")
    vault.refusing = WHY
    async with world.online():
        world.telegram.write(GUEST, "anna", "hello")
        await world.clock.run_for(700)
        assert [each.hash for each in vault.synced] == [content_hash(login_of("anna", 1))]
        assert world.status_of("anna") == "online" and WHY in world.reason_of("anna")
        assert world.reason_of("anna").startswith("The vault does not take this account's newest login")
        await world.clock.run_for(5_000)
        assert len(vault.synced) == 1
        for _ in range(3):
            world.telegram.write(GUEST, "anna", "hello")
            await world.clock.run_for(1_000)
        assert len(vault.synced) <= 2, "another state may be good, but hardly every ten minutes"
    assert len(await world.ledger.execute("select 1 from handed_back where sealed is not null")) == 1


async def test_a_refused_state_is_tried_again_after_a_restart_and_when_it_is_asked_for() -> None:
    """Whoever has mended the cause would have to wait for the account to change."""
    world, vault = with_vault("anna")
    vault.refusing = WHY
    async with world.online():
        world.telegram.write(GUEST, "anna", "hello")
        await world.clock.run_for(700)
        assert len(vault.synced) == 1
    vault.synced.clear()
    async with world.online():
        await world.clock.run_for(1_500)
        assert len(vault.synced) == 1
        vault.refusing = None
        await world.bus.publish(vault.ask(NODE, "anna", 1))
        await world.clock.run_for(15)
        assert len(vault.synced) == 2 and not world.reason_of("anna")
