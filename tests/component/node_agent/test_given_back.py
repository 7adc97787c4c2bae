"""What a node gives back, and what it says of it; the whole agent under a registry that assigns."""

import pytest

from services.node_agent.domain.accounts import SessionFile
from services.node_agent.telegram.in_memory import login_of
from shared.contracts.assignments import ReleasedAccount
from shared.contracts.identifiers import content_hash
from tests.component.node_agent.virtual_agent import BEGINNING, World, with_vault
from tests.support.agent.orders import script


async def test_what_is_given_back_is_disconnected_handed_back_and_told_in_every_beat() -> None:
    """The next node would begin with yesterday's state, or while this one is still connected."""
    world, vault = with_vault("anna")
    async with world.playing(script("hi")):
        world.say("/hello")
        await world.clock.run_for(15)
        vault.assign("anna", 1, release=True)
        await world.clock.run_for(12)
        assert not world.telegram.connected("anna")
        [state] = vault.synced
        assert (state.epoch, state.final, state.account_id) == (1, True, "anna")
        assert vault.versions["anna"][-1] == login_of("anna", 1)
        given = ReleasedAccount(account_id="anna", epoch=1, session_hash=state.hash)
        assert vault.released == [given]
        await world.clock.run_for(30)
        assert vault.released == [given] and len(vault.synced) == 1
        assert len(world.logins) == 0
        vault.unassign("anna")
        await world.clock.run_for(15)
        assert vault.released == [] and "anna" not in world.registry.accounts


async def test_what_does_not_run_here_is_said_to_be_given_back_at_once() -> None:
    """A move away from a node that has just started would wait for its lease's end."""
    world, vault = with_vault("anna")
    vault.assign("anna", 1, release=True)
    async with world.running():
        await world.clock.run_for(BEGINNING)
        assert vault.released == [ReleasedAccount(account_id="anna", epoch=1)]
        assert world.telegram.connects == {}


async def test_a_login_of_the_folder_that_goes_away_is_handed_to_the_vault() -> None:
    """A move would need somebody to carry the file."""
    world = World("anna")
    vault = world.assigning()
    vault.assign("anna", 0)
    async with world.playing(script("hi")):
        world.say("/hello")
        await world.clock.run_for(15)
        vault.assign("anna", 0, release=True)
        await world.clock.run_for(15)
        assert vault.versions["anna"] == [login_of("anna", 1)]
        assert [(each.epoch, each.session_hash) for each in vault.released] == [(0, content_hash(login_of("anna", 1)))]
        vault.unassign("anna", exclude=True)
        await world.clock.run_for(30)
        assert "belongs to another node" in world.reason_of("anna") and not world.telegram.connected("anna")


async def test_a_moved_login_goes_on_where_the_last_node_stopped() -> None:
    """The next node would hear again what was answered, or never hear what was said in between."""
    here, vault = with_vault("anna")
    async with here.playing(script("hi")):
        here.say("/hello")
        await here.clock.run_for(15)
        vault.assign("anna", 1, release=True)
        await here.clock.run_for(15)
        vault.unassign("anna")
        here.say("/hello")
        await here.clock.run_for(15)
        assert here.replies() == ["hi"]
        vault.assign("anna", 3)
        await here.clock.run_for(15)
        assert here.replies() == ["hi", "hi"]
        assert here.registry.accounts["anna"].epoch == 3


async def test_what_a_silent_node_may_have_answered_is_left_alone_and_counted() -> None:
    """The vault's login does not know what was answered with it since: a guest would be answered twice."""
    world, vault = with_vault("anna")
    vault.unassign("anna")
    async with world.running():
        await world.deliver(script("hi"))
        world.say("/hello")
        await world.clock.run_for(40)
        vault.assign("anna", 2, silent_before=world.clock.now())
        await world.clock.run_for(20)
        assert world.replies() == []
        world.say("/hello")
        await world.clock.run_for(20)
        assert world.replies() == ["hi"], "what came after it is answered"
        report = world.registry.accounts["anna"]
        assert (report.uncertain_count, report.message_count) == (1, 2)
    async with world.online():
        assert world.registry.accounts["anna"].uncertain_count == 1, "it is in the ledger"


async def test_who_lost_the_newest_state_says_until_when_it_has_heard() -> None:
    """A killed agent has answered more than its login knows, and the next node would answer it again."""
    world, vault = with_vault("anna")
    async with world.playing(script("hi")):
        heard = world.clock.now()
        world.say("/hello")
        await world.clock.run_for(5)
    vault.assign("anna", 1, release=True)
    async with world.online():
        [word] = world.registry.beats[-1].released
        assert word.heard_until == heard


async def test_a_state_that_knows_of_everything_leaves_nothing_unanswered() -> None:
    """The next node would not answer what was said in the last second before every move."""
    world, vault = with_vault("anna")
    async with world.playing(script("hi")):
        world.say("/hello")
        await world.clock.run_for(5)
        vault.assign("anna", 1, release=True)
        await world.clock.run_for(15)
        [word] = world.registry.beats[-1].released
        assert (word.account_id, word.heard_until) == ("anna", None)


async def test_a_login_that_came_again_too_old_is_not_what_is_given_back() -> None:
    """The next node would begin with what the vault had before this one was killed, while the newer state is on its
    way."""
    world, vault = with_vault("anna")
    vault.storing = False
    async with world.playing(script("hi")):
        world.say("/hello")
        await world.clock.run_for(15)
    await world.clock.run_for(1)
    newest = vault.synced[-1].hash
    world.telegram.go_away()
    async with world.running():
        await world.clock.run_for(BEGINNING + 15)
        assert len(world.logins) == 1 and vault.delivered[-1].hash == content_hash(login_of("anna")) != newest
        vault.assign("anna", 1, release=True)
        await world.clock.run_for(15)
        [word] = vault.released
        assert (word.epoch, word.session_hash) == (1, newest)


@pytest.mark.parametrize("hangs", [False, True])
async def test_an_account_is_given_back_although_the_session_folder_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    """The operator moves everything away from a machine that is sick, and it would not let go while it lives."""
    world, vault = with_vault("anna", "bert")

    async def unreadable() -> dict[str, SessionFile]:
        if hangs:
            await world.clock.sleep(1_000_000)
        raise OSError("Input/output error")

    async with world.online():
        monkeypatch.setattr(world.sessions, "present", unreadable)
        vault.assign("anna", 1, release=True)
        await world.clock.run_for(45)
        assert [each.account_id for each in vault.released] == ["anna"]
        assert not world.telegram.connected("anna") and world.telegram.connects["bert"] == 1
