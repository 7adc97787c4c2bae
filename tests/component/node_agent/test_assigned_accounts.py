"""The whole agent under a registry that assigns, in virtual time: who starts by its set, who stops, and the end."""

from structlog.testing import capture_logs

from shared.contracts.assignments import assignments_digest
from tests.component.node_agent.virtual_agent import ANNA, BEGINNING, GUEST, World, with_vault
from tests.support.agent.orders import NODE, script


async def test_an_account_of_the_folder_starts_when_the_set_has_it() -> None:
    """A file that was copied to two machines would be live on both."""
    world = World("anna", "bert")
    vault = world.assigning()
    async with world.running():
        await world.clock.run_for(30)
        assert world.telegram.connects == {}
        assert "has not assigned this account" in world.reason_of("anna")
        report = world.registry.accounts["anna"]
        assert (report.epoch, report.session_file) == (0, "anna.session")
        vault.assign("anna", 0)
        await world.clock.run_for(15)
        assert world.status_of("anna") == "online"
        assert not world.telegram.connected("bert")


async def test_a_login_that_belongs_elsewhere_is_left_alone_and_says_so() -> None:
    """The operator would look for the reason in a file that is as good as any."""
    world = World("anna", "bert")
    vault = world.assigning()
    vault.assign("anna", 0)
    vault.unassign("bert", exclude=True)
    async with world.online():
        await world.clock.run_for(15)
        assert world.telegram.connected("anna") and not world.telegram.connected("bert")
        assert "belongs to another node" in world.reason_of("bert")


async def test_nothing_starts_before_a_grant_has_named_the_very_set() -> None:
    """A set that comes late out of a queue may be one of yesterday, when the account was still this node's."""
    world, vault = with_vault("anna")
    late = vault.order(NODE)
    vault.unassign("anna")
    vault.telling = False
    async with world.running():
        await world.clock.run_for(BEGINNING)
        await world.bus.publish(late)
        await world.bus.publish(vault.delivery(NODE, "anna", 1))
        await world.clock.run_for(60)
        assert world.telegram.connects == {}
        assert "confirm its assignment" in world.reason_of("anna")


async def test_a_new_set_stops_nobody_who_is_in_it() -> None:
    """Every account that comes to a node would interrupt all the others."""
    world, vault = with_vault("anna", "bert")
    vault.unassign("bert")
    async with world.online():
        vault.assign("bert", 1)
        await world.clock.run_for(30)
        assert world.status_of("bert") == "online"
        assert world.telegram.connects == {"anna": 1, "bert": 1}


async def test_after_a_lapse_the_login_in_memory_goes_on_when_a_grant_names_the_set_again() -> None:
    """A node that was cut off for a minute would have to be sent every login again."""
    world, vault = with_vault("anna")
    async with world.online():
        world.registry.granting = False
        await world.clock.run_for(60)
        assert not world.telegram.connected("anna") and len(world.logins) == 1
        world.registry.granting = True
        await world.clock.run_for(15)
        assert world.telegram.connected("anna") and len(vault.delivered) == 1


async def test_after_a_lapse_nobody_starts_who_was_taken_over_meanwhile() -> None:
    """The account would be live on both nodes until the set has come."""
    world, vault = with_vault("anna")
    async with world.online():
        world.registry.granting = False
        await world.clock.run_for(60)
        vault.unassign("anna")
        vault.telling = False
        world.registry.granting = True
        await world.clock.run_for(60)
        assert not world.telegram.connected("anna")
        vault.telling = True
        await world.clock.run_for(15)
        assert "anna" not in world.registry.accounts and len(world.logins) == 0


async def test_an_account_that_leaves_the_set_says_nothing_more() -> None:
    """The check before every message looks at the lease alone: a message would go out beside the next node's."""
    world, vault = with_vault("anna")
    async with world.playing(script("hi")):
        vault.unassign("anna")
        await world.bus.publish(vault.order(NODE))
        world.say("/hello")
        await world.clock.run_for(15)
        assert world.replies() == []


async def test_the_process_ends_with_the_lease_while_an_account_is_connected() -> None:
    """A blocked loop or a stopped process would stay connected while the account starts elsewhere."""
    world, _ = with_vault("anna")
    async with world.online():
        sent = (world.registry.beats[-1].sent_at - world.clock.now()).total_seconds() + world.clock.monotonic()
        moments = [world.timer.at]
        for act in (
            world.registry_answers,
            world.registry_falls_silent,
            world.registry_answers,
            world.telegram.go_away,
        ):
            act()
            await world.clock.run_for(60)
            moments.append(world.timer.at)
    first, moved, silent, again, away = moments
    assert first == sent + world.registry.lease_seconds
    assert moved is not None and moved > first + 40
    assert (silent, away) == (None, None) and again is not None


async def test_an_agent_tells_that_it_follows_sets_before_it_knows_one() -> None:
    """It would be taken for an older agent, which runs whatever is in its folder."""
    world = World("anna")
    async with world.running():
        await world.clock.run_for(1)
        first = world.registry.beats[0].assignments
        assert first is not None and (first.revision, first.digest) == (0, assignments_digest((), ()))


async def test_accounts_of_the_vault_are_not_forgotten_while_the_agent_starts() -> None:
    """Counters and conversations would begin anew with every restart."""
    world, _ = with_vault("anna")
    async with world.online():
        world.telegram.write(GUEST, "anna", "hello")
        await world.clock.run_for(5)
    world.registry.granting = False
    async with world.running():
        await world.clock.run_for(60)
        assert world.registry.accounts["anna"].message_count == 1
        world.registry.granting = True
        await world.clock.run_for(15)
        assert world.status_of("anna") == "online"
        assert world.registry.accounts["anna"].message_count == 1
        assert world.registry.accounts["anna"].user_id == ANNA


async def test_an_agent_that_was_ended_while_connected_is_told_of_by_the_next(world: World) -> None:
    """Accounts that were away for a lease would be a riddle: whoever was killed says nothing himself."""
    async with world.online():
        flag = await world.ledger.execute("select connected from watch")
        assert flag == [(1,)]
    assert await world.ledger.execute("select connected from watch") == [(0,)]
    await world.ledger.execute("update watch set connected = 1")
    with capture_logs() as logs:
        async with world.online():
            pass
    assert "ended_while_connected" in [line["event"] for line in logs]
