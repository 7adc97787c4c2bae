"""The whole agent, in virtual time."""

from services.node_agent.domain.telegram import FloodWait, Limited, SuspectLogin, Unreachable
from shared.contracts import names
from shared.contracts.accounts import AccountChanged
from shared.contracts.leases import GrantLease
from shared.contracts.own_accounts import NameOwnAccounts, own_accounts_digest
from tests.component.node_agent.virtual_agent import ANNA, CHAT, GUEST, World
from tests.support.agent.orders import NODE, script


async def test_accounts_come_online_under_the_first_lease(world: World) -> None:
    """Without this a node would never run: beat, lease, connect, report."""
    async with world.online():
        assert world.status_of("anna") == world.status_of("bert") == "online"
        assert world.registry.statuses("anna") == ["stopped", "connecting", "online"]
        assert world.registry.accounts["anna"].session_file == "anna.session"
        assert world.status.last is not None and world.status.last.lease == "valid"


async def test_nothing_connects_without_a_lease(world: World) -> None:
    """A session that is live without the registry's word may be live on two nodes."""
    world.registry.granting = False
    async with world.running():
        await world.clock.run_for(60)
        assert world.telegram.connects == {}
        assert world.status_of("anna") == "stopped"


async def test_a_delivered_script_is_played_and_counted(world: World) -> None:
    """The main path: an order comes in, accounts answer with it, counters and artifacts are reported."""
    async with world.online():
        await world.deliver(script("hi"))
        await world.clock.run_for(1)
        world.say("/hello")
        await world.clock.run_for(15)
        assert world.replies() == ["hi", "hi"]
        row = world.registry.accounts["anna"]
        assert (row.script_id, row.script_version, row.message_count, row.reply_count) == ("greeter", 1, 2, 1)
        assert row.last_activity is not None
        [artifact] = world.registry.beats[-1].artifacts
        assert artifact.hash == row.script_hash and artifact.tests_passed
        assert [report.outcome for report in world.registry.reports][-1] == "applied"
        assert world.registry.reports[-1].loaded_hash == artifact.hash


async def test_a_command_with_a_name_is_answered_by_the_account_named(world: World) -> None:
    """A guest who asks one account would be answered by all that play its script, or by none."""
    async with world.playing(script("hi")):
        for named in ("Anna", "somebody_else"):
            world.say(f"/hello@{named} there")
        await world.clock.run_for(1)
        assert [said.sender_id for said in world.telegram.said if said.text == "hi"] == [ANNA]


async def test_a_new_version_takes_over_without_a_reconnect(world: World) -> None:
    """Hot reload: the next answer is the new one and no connection was touched."""
    async with world.playing(script("old"), 1):
        await world.deliver(script("new"), 2)
        await world.clock.run_for(1)
        world.say("/hello")
        await world.clock.run_for(1)
        assert world.replies() == ["new", "new"]
        assert world.telegram.connects == {"anna": 1, "bert": 1}


async def test_the_accounts_stop_before_the_lease_ends_and_start_with_the_next(world: World) -> None:
    """The promise behind every move of a session: who hears nothing from the registry is silent in time."""
    async with world.online():
        world.registry.granting = False
        last_sent = world.registry.beats[-1].sent_at
        lapse = (last_sent - world.clock.now()).total_seconds() + world.registry.lease_seconds
        await world.clock.run_for(lapse - 4)
        assert world.telegram.connected("anna")
        await world.clock.run_for(3)
        assert not world.telegram.connected("anna") and not world.telegram.connected("bert")
        world.registry.granting = True
        await world.clock.run_for(15)
        assert world.telegram.connected("anna")
        assert "The lease ran out" in world.registry.reasons("anna", "stopped")[-1]


async def test_a_lease_typed_by_hand_makes_the_node_beat_and_no_more(world: World) -> None:
    """The registry's answer to a beat stands: a full report for everybody who asks would be a storm of reports."""
    async with world.online():
        beats = world.registry.beats
        newest, told = beats[-1], len(beats)
        await world.bus.publish(
            GrantLease(node_id=NODE, boot=newest.boot, seq=newest.seq, seconds=1, full_report=True,
                       ledger_id=newest.ledger_id)
        )  # fmt: skip
        await world.clock.run_for(2)
        assert [beat.full for beat in beats[told:]] == [False]
        assert world.telegram.connected("anna")


async def test_a_refused_node_stops_and_says_why(world: World) -> None:
    """Two machines with one node id must not run the same accounts."""
    async with world.online():
        world.registry.granting = False
        await world.registry.refuse()
        await world.clock.run_for(130)
        assert not world.telegram.connected("anna")
        assert "Another agent" in world.reason_of("anna")


async def test_a_refused_agent_leaves_the_orders_to_the_other_one(world: World) -> None:
    """Two agents share the queue of their node id: the refused one would answer for scripts that the other lacks."""
    async with world.online():
        await world.registry.refuse()
        await world.clock.run_for(1)
        await world.deliver(script("hi"))
        await world.clock.run_for(60)
        assert world.registry.reports == []
        assert world.bus.waiting(names.node_commands_queue(NODE).name) > 0


async def test_a_dead_login_is_an_error_until_its_file_changes(world: World) -> None:
    """Asking for a dead login again and again is what Telegram punishes, and telling it again and again is no news."""
    async with world.online():
        world.telegram.kill("anna", "SESSION_REVOKED: the login was ended from another device")
        await world.clock.run_for(3600)
        assert world.status_of("anna") == "error" and "SESSION_REVOKED" in world.reason_of("anna")
        assert world.reason_of("anna").endswith(
            "Callboard does not try it again. Give it a good session file: upload it to the vault, or put it in the "
            "place of this one."
        )
        assert world.registry.statuses("anna") == ["stopped", "connecting", "online", "error"]
        assert world.telegram.connects["anna"] == 1 and world.telegram.connected("bert")
        world.telegram.add_account("anna", 100)
        world.sessions.files["anna"] = "2"
        await world.clock.run_for(15)
        assert world.status_of("anna") == "online"


async def test_a_dead_login_is_not_tried_again_after_a_restart(world: World) -> None:
    """An agent that is restarted by its supervisor must not turn into the loop that is forbidden."""
    async with world.online():
        world.telegram.kill("anna")
        await world.clock.run_for(5)
    async with world.running():
        await world.clock.run_for(60)
    assert world.telegram.connects["anna"] == 1
    assert world.status_of("anna") == "error"


async def test_a_lost_connection_is_made_again_and_what_was_missed_is_answered(world: World) -> None:
    """A short cut costs no message and no reply."""
    async with world.playing(script("hi")):
        world.telegram.connect_troubles["anna"].append(Unreachable("connection refused"))
        world.telegram.drop("anna")
        await world.clock.run_for(0.1)
        world.say("/hello")
        await world.clock.run_for(30)
        assert world.status_of("anna") == "online"
        assert world.replies() == ["hi", "hi"]


async def test_a_connection_that_is_cut_again_and_again_is_made_more_and_more_slowly(world: World) -> None:
    """A server that accepts and drops would be called once a second for ever."""
    async with world.online():
        for _ in range(600):
            world.telegram.drop("anna")
            await world.clock.run_for(1)
        assert world.telegram.connects["anna"] < 25
        assert world.telegram.connects["bert"] == 1


async def test_a_mistake_in_one_accounts_path_is_told_and_tried_again(world: World) -> None:
    """An unexpected error must neither end the agent nor leave the account shown as online."""
    world.telegram.connect_troubles["anna"].append(KeyError("unexpected"))  # type: ignore[arg-type]
    async with world.running():
        await world.clock.run_for(30)
        assert world.status_of("anna") == "online"
        reasons = world.registry.reasons("anna", "connecting")
        assert any("A mistake in the agent: KeyError" in reason for reason in reasons)


async def test_a_message_that_was_answered_before_a_crash_is_not_answered_after_it(world: World) -> None:
    """Catching up brings the last minute again; what was answered must be remembered before it is answered."""
    async with world.playing(script("hi"), bind=["anna"]):
        world.say("/hello")
        await world.clock.run_for(0.1)
        assert world.replies() == ["hi"]
        rows = await world.ledger.execute("select message_id from seen where account_id = 'anna'")
        assert rows == [(1,)]


async def test_what_was_missed_for_long_is_not_answered(world: World) -> None:
    """An account that comes back after a day must not answer yesterday's questions."""
    async with world.playing(script("hi")):
        pass
    world.say("/hello")
    await world.clock.run_for(3600)
    async with world.running():
        await world.clock.run_for(30)
        assert world.replies() == []
        assert world.registry.accounts["anna"].message_count == 1


async def test_a_flood_wait_is_waited_out_where_the_operator_sees_it(world: World) -> None:
    """Telegram's waits are obeyed, shown with their end, and then the reply is sent."""
    async with world.playing(script("hi"), bind=["anna"]):
        world.telegram.send_troubles["anna"].append(FloodWait(40, "FLOOD_WAIT for SendMessage"))
        world.say("/hello")
        await world.clock.run_for(20)
        row = world.registry.accounts["anna"]
        assert row.status == "waiting" and "until 2026-01-01 00:00:45" in (row.status_reason or "")
        assert world.replies() == []
        await world.clock.run_for(40)
        assert world.status_of("anna") == "online" and world.replies() == ["hi"]


async def test_a_flood_wait_at_sign_in_is_waited_out(world: World) -> None:
    """A wait that Telegram orders before an account is online counts as much."""
    world.telegram.connect_troubles["anna"].append(FloodWait(100, "FLOOD_WAIT for GetState"))
    async with world.running():
        await world.clock.run_for(90)
        assert world.status_of("anna") == "waiting" and world.telegram.connects["anna"] == 1
        await world.clock.run_for(30)
        assert world.status_of("anna") == "online"


async def test_a_limited_account_is_silent_and_comes_back(world: World) -> None:
    """PEER_FLOOD is no reason to go on sending."""
    async with world.playing(script("hi"), bind=["anna"]):
        world.telegram.send_troubles["anna"].append(Limited("PEER_FLOOD"))
        world.say("/hello")
        await world.clock.run_for(600)
        assert world.status_of("anna") == "limited" and world.replies() == []
        await world.clock.run_for(3600)
        assert world.status_of("anna") == "online"


async def test_a_key_that_stays_unknown_becomes_an_error(world: World) -> None:
    """A data centre may forget a key for a moment, so it is asked a few times, and not for ever."""
    world.telegram.connect_troubles["anna"].extend([SuspectLogin("unknown key")] * 100)
    async with world.running():
        await world.clock.run_for(3600)
        assert world.status_of("anna") == "error"
        assert world.telegram.connects["anna"] == 6


async def test_own_accounts_do_not_answer_each_other(world: World) -> None:
    """Two accounts with an echo would talk for ever."""
    echo = script("/hello")
    async with world.playing(echo):
        world.say("/hello")
        await world.clock.run_for(60)
        assert world.replies() == ["/hello", "/hello"]


async def test_session_files_that_come_and_go_are_followed(world: World) -> None:
    """Putting a file into the folder is how an account comes to a node."""
    async with world.online():
        world.telegram.add_account("carl", 300)
        world.sessions.files["carl"] = "1"
        del world.sessions.files["bert"]
        await world.clock.run_for(15)
        assert world.status_of("carl") == "online"
        assert "bert" not in world.registry.accounts and not world.telegram.connected("bert")


async def test_everything_is_told_after_the_broker_was_away(world: World) -> None:
    """Changes and reports wait in the ledger; heartbeats do not pile up."""
    async with world.playing(script("hi")):
        world.bus.connected = False
        world.telegram.kill("anna")
        await world.clock.run_for(20)
        before = len(world.registry.beats)
        world.bus.connected = True
        await world.clock.run_for(12)
        assert world.registry.statuses("anna")[-1] == "error"
        assert len(world.registry.beats) - before <= 4


async def test_changes_that_the_broker_lost_are_sent_again(world: World) -> None:
    """A broker that lost its disk after confirming must cost no account event."""
    world.bus.lose = lambda message: isinstance(message, AccountChanged)
    async with world.running():
        await world.clock.run_for(10)
        assert not world.registry.changes and world.status_of("anna") == "online"
        world.bus.lose = lambda message: False
        await world.clock.run_for(60)
        assert world.registry.statuses("anna") == ["stopped", "connecting", "online"]


async def test_the_script_and_the_counters_survive_a_restart(world: World) -> None:
    """A restarted node goes on with what it was given."""
    async with world.playing(script("hi")):
        world.say("hello there")
        await world.clock.run_for(5)
    async with world.running():
        await world.clock.run_for(20)
        world.say("/hello")
        await world.clock.run_for(15)
        assert world.replies() == ["hi", "hi"]
        assert world.registry.accounts["anna"].message_count == 3
        assert world.registry.beats[-1].boot > world.registry.beats[0].boot


async def test_an_altered_script_file_is_not_reported_as_loaded(world: World) -> None:
    """What the node says it runs must be what it runs; the same delivery, sent again, mends it."""
    async with world.playing(script("hi")):
        pass
    world.files.files["greeter"] += b"# edited by hand\n"
    async with world.running():
        await world.clock.run_for(15)
        assert world.registry.beats[-1].artifacts == []
        await world.deliver(script("hi"))
        await world.clock.run_for(15)
        assert [artifact.version for artifact in world.registry.beats[-1].artifacts] == [1]


async def test_limits_hold_across_a_burst(world: World) -> None:
    """A script's limit is a promise to the people in the chat."""
    limits = "limits:\n  per_chat_per_minute: 2\n  per_account_per_minute: 5\n"
    async with world.playing(script("hi", limits=limits), bind=["anna"]):
        for _ in range(5):
            world.say("/hello")
        await world.clock.run_for(50)
        assert len(world.replies()) == 2
        await world.clock.run_for(50)
        assert len(world.replies()) == 4


async def test_an_own_account_on_another_node_is_never_answered(world: World) -> None:
    """Two accounts of one operator that answer each other would never stop, and here only the registry knows both."""
    elsewhere = 950
    world.telegram.add_guest(elsewhere, "Own, but on another node")
    world.telegram.add_chat(CHAT, "Demo_Chat", GUEST, elsewhere, 100, 101)
    async with world.playing(script("hi")):
        before = world.registry.beats[-1].own_accounts
        await world.bus.publish(NameOwnAccounts(node_id=NODE, user_ids=[100, 101, elsewhere]))
        await world.clock.run_for(15)
        world.say("/hello", elsewhere)
        await world.clock.run_for(10)
        assert world.registry.beats[-1].own_accounts == own_accounts_digest([elsewhere, 101, 100]) != before
        assert world.telegram.said[-1].sender_id == elsewhere
