"""The whole agent under a registry that assigns, in virtual time: sets, logins that come and go back, the end."""

import zlib
from itertools import pairwise

from structlog.testing import capture_logs

from services.node_agent.domain.telegram import UnusableSession
from services.node_agent.telegram.in_memory import login_of
from shared.contracts.assignments import ReleasedAccount, assignments_digest
from shared.contracts.identifiers import content_hash
from shared.contracts.sessions import SessionStored
from shared.sealing import new_sealing_key
from tests.support.agent.model_vault import ModelVault
from tests.support.agent.orders import NODE, script
from tests.support.agent.trusting import SIGNER
from tests.unit.node_agent.virtual_agent import ANNA, BEGINNING, GUEST, World


def with_vault(*account_ids: str) -> tuple[World, ModelVault]:
    """A world whose accounts are the vault's, assigned to the node in epoch 1."""
    world = World(elsewhere=account_ids)
    vault = world.assigning()
    for account_id in account_ids:
        vault.put(account_id)
        vault.assign(account_id, 1)
    return world, vault


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


async def test_a_login_of_the_vault_is_asked_for_taken_into_memory_and_started() -> None:
    """Without this no account can be moved to a node."""
    world, vault = with_vault("anna")
    async with world.online():
        report = world.registry.accounts["anna"]
        assert (report.status.value, report.epoch, report.session_version) == ("online", 1, 1)
        assert (report.session_file, report.session_hash) == ("vault:1", content_hash(login_of("anna")))
        assert world.registry.beats[-1].assignments == vault.named
        assert world.registry.beats[-1].wanting == [] and len(vault.delivered) == 1
        assert len(world.logins) == 1 and world.sessions.files == {}


async def test_the_ledger_has_no_readable_login() -> None:
    """A disk that is stolen or copied would be the account."""
    world, _ = with_vault("anna")
    secret = b"anna a-planted-key-that-nobody-else-has"
    world.registry.vault.versions["anna"] = [secret]  # type: ignore[union-attr]
    async with world.playing(script("hi")):
        world.say("/hello")
        await world.clock.run_for(120)
        world.registry.vault.assign("anna", 1, release=True)  # type: ignore[union-attr]
        await world.clock.run_for(30)
    tables = await world.ledger.execute("select name from sqlite_master where type = 'table'")
    rows = [row for (table,) in tables for row in await world.ledger.execute(f"select * from {table}")]
    told = b"".join(repr(value).encode() if not isinstance(value, bytes) else value for row in rows for value in row)
    assert rows and secret not in told and zlib.compress(secret) not in told and b"planted" not in told


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


async def test_changed_logins_are_handed_back_now_and_then_while_they_run() -> None:
    """Whoever takes over from a node that burns down would begin with the login of last month."""
    world, vault = with_vault("anna")
    async with world.online():
        for _ in range(20):
            world.telegram.write(GUEST, "anna", "hello")
            await world.clock.run_for(30)
        assert 5 <= len(vault.synced) <= 11
        numbers = [(state.epoch, state.boot, state.number) for state in vault.synced]
        assert numbers == sorted(set(numbers)) and not any(state.final for state in vault.synced)
        stored = [content_hash(content) for content in vault.versions["anna"]]
        assert world.registry.accounts["anna"].session_hash in stored[-2:]


async def test_a_state_is_handed_back_until_the_vault_has_it_over_restarts_too() -> None:
    """The newest login would be lost with a vault that was away at the wrong moment."""
    world, vault = with_vault("anna")
    vault.storing = False
    async with world.playing(script("hi")):
        world.say("/hello")
        await world.clock.run_for(15)
        vault.assign("anna", 1, release=True)
        await world.clock.run_for(120)
        assert 2 <= len({state.number for state in vault.synced}) + len(vault.synced) <= 8
        told = vault.synced[-1]
    vault.synced.clear()
    vault.storing = True
    async with world.running():
        await world.clock.run_for(30)
        assert [state.model_dump() for state in vault.synced] == [told.model_dump()]
        assert [(each.epoch, each.session_hash) for each in vault.released] == [(1, told.hash)]
        await world.clock.run_for(600)
        assert len(vault.synced) == 1


async def test_an_agent_that_is_stopped_hands_back_what_is_newer_and_gets_it_again() -> None:
    """Every restart of an agent would set its accounts back to what was handed back last."""
    world, vault = with_vault("anna")
    async with world.playing(script("hi")):
        world.say("/hello")
        await world.clock.run_for(3)
        assert vault.synced == []
    await world.clock.run_for(1)
    assert [(state.final, state.epoch) for state in vault.synced] == [(True, 1)]
    async with world.running():
        await world.clock.run_for(15)
        assert world.status_of("anna") == "online" and world.registry.accounts["anna"].session_file == "vault:2"
        assert world.registry.accounts["anna"].message_count == 1
        assert world.replies() == ["hi"]


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


async def test_another_epoch_is_another_login() -> None:
    """A version that an operator has chosen would not be the one that runs."""
    world, vault = with_vault("anna")
    async with world.online():
        vault.put("anna", login_of("anna", 0) + b"")
        vault.assign("anna", 2)
        await world.clock.run_for(15)
        report = world.registry.accounts["anna"]
        assert (report.epoch, report.session_version, report.status.value) == (2, 2, "online")
        assert world.telegram.connects["anna"] == 2


async def test_a_login_that_comes_again_changes_nothing() -> None:
    """A replayed order would set the account back to an older state, or interrupt it."""
    world, vault = with_vault("anna")
    async with world.online():
        await world.bus.publish(vault.delivered[0])
        await world.clock.run_for(15)
        assert world.telegram.connects == {"anna": 1}


async def test_logins_for_other_keys_accounts_and_epochs_are_not_taken() -> None:
    """Whoever can put an order into a node's queue could choose what its accounts sign in as."""
    world, vault = with_vault("anna", "bert")
    vault.sending = False
    good = vault.delivery(NODE, "anna", 1)
    wrong = [
        vault.delivery(NODE, "anna", 1, key=new_sealing_key()),
        good.model_copy(update={"hash": content_hash(b"another")}),
        good.model_copy(update={"size": good.size + 1}),
        good.model_copy(update={"epoch": 2}),
        vault.delivery(NODE, "bert", 1).model_copy(update={"account_id": "anna"}),
        vault.delivery(NODE, "bert", 4),
        good.model_copy(update={"sealed": "bm90aGluZw=="}),
        good.model_copy(update={"sealed": None, "url": "http://vault/nothing"}),
        good.model_copy(update={"sealed": None}),
    ]
    async with world.running():
        await world.clock.run_for(BEGINNING)
        for order in wrong:
            await world.bus.publish(SIGNER.sign(order))
        await world.clock.run_for(15)
        assert len(world.logins) == 0 and world.telegram.connects == {}
        assert vault.wanted == ["anna", "bert"]
        assert "could not be taken" in world.reason_of("anna") and "is on its way" in world.reason_of("bert")
        await world.bus.publish(good)
        await world.clock.run_for(15)
        assert world.status_of("anna") == "online"


async def test_a_login_is_asked_for_once_in_a_beats_time() -> None:
    """Accounts that come online make the node beat each second, and every beat would ask for all the others again."""
    world, vault = with_vault("anna", "bert")
    del vault.versions["bert"]
    async with world.running():
        for _ in range(10):
            await world.clock.run_for(6)
            world.telegram.drop("anna")
        asked = [beat.sent_at for beat in world.registry.beats if "bert" in beat.wanting]
        assert len(world.registry.beats) > 15
        assert all((later - sooner).total_seconds() >= 8 for sooner, later in pairwise(asked))
        assert 4 <= len(asked) <= 8


async def test_a_large_login_is_fetched() -> None:
    """An account that knows many people has a login that no message holds."""
    world, vault = with_vault("anna")
    noise = b"".join(content_hash(str(number).encode()).encode() for number in range(3000))
    vault.versions["anna"] = [login_of("anna") + b"\x00" + noise]
    async with world.online():
        assert vault.delivered[0].url is not None
        assert world.status_of("anna") == "online"


async def test_a_login_that_is_of_no_use_is_an_error_and_not_asked_for_again() -> None:
    """It would be sent and tried for ever."""
    world, vault = with_vault("anna")
    world.telegram.connect_troubles["anna"].append(UnusableSession("the session file holds no login"))
    async with world.online():
        await world.clock.run_for(60)
        assert world.status_of("anna") == "error" and world.telegram.connects["anna"] == 1
        assert len(vault.delivered) == 1
        vault.put("anna")
        vault.assign("anna", 2)
        await world.clock.run_for(15)
        assert world.status_of("anna") == "error"
        vault.put("anna", login_of("anna", 0).replace(b" ", b"  "))
        vault.assign("anna", 3)
        await world.clock.run_for(15)
        assert world.status_of("anna") == "online"


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


async def test_a_word_of_the_vault_for_another_state_leaves_the_newest_waiting() -> None:
    """What was handed back last would be forgotten because an earlier state has arrived."""
    world, vault = with_vault("anna")
    vault.storing = False
    async with world.online():
        world.telegram.write(GUEST, "anna", "hello")
        await world.clock.run_for(200)
        first = vault.synced[0]
        world.telegram.write(GUEST, "anna", "hello again")
        await world.clock.run_for(200)
        stored = SessionStored(node_id=NODE, account_id="anna", epoch=1, hash=first.hash, stored_at=world.clock.now())
        before = len(vault.synced)
        await world.bus.publish(SIGNER.sign(stored))
        await world.clock.run_for(700)
        assert len(vault.synced) > before and vault.synced[-1].hash != first.hash


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
