"""The contract of the ledger's accounts, on a file and in memory: the same code, two connections."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.node_agent.domain.account_states import AccountState
from services.node_agent.domain.accounts import Account, Seen
from services.node_agent.domain.journal import Progress
from services.node_agent.domain.ports import Batch, Remembered, StateChange
from services.node_agent.domain.sending import Outgoing, Silence
from services.node_agent.store.accounts import SqliteAccounts
from services.node_agent.store.database import Database
from services.node_agent.store.identity import begin_boot
from services.node_agent.store.progress import TABLES
from shared.contracts.accounts import AccountChanged, AccountStatus
from shared.randomness import SeededRandomness
from shared.scripts import AccountMemory, Conversation, React, SendText

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANNA = Account("anna", "anna.session", AccountState(AccountStatus.WAITING, "FLOOD_WAIT"), 0, 0, None, 77, "dead")
COUNTED = replace(ANNA, message_count=9, reply_count=8, uncertain_count=2, last_activity=NOW)
GUEST = Conversation(chat="@a", sender_id=5, variables={"visits": 2})
CHAT = Conversation(chat="@a", sender_id=None, variables={"mood": "calm"})
MEMORY = AccountMemory(variables={"total": 7}, timers={"hint @a 10m": 1000.5})
TEXT = Outgoing(1, "greeter", SendText("@a", "hello", 12), -(2**63) + 1, 100.25)
REACTION = Outgoing(2, "greeter", React("@a", 12, "👍"), 2**63 - 1, 100.5, attempted_at=101.75)


@pytest.fixture
async def accounts(database: Database) -> SqliteAccounts:
    """The ledger's accounts."""
    await begin_boot(database, NOW, SeededRandomness(1))
    return SqliteAccounts(database)


def change(number: int) -> AccountChanged:
    """A change of the account."""
    return AccountChanged(
        node_id="n", ledger_id="0" * 32, number=number, boot=1, seq=1, account=ANNA.report(None, None), at=NOW
    )


def entering(account: Account = ANNA, message: Callable[[int], AccountChanged] = change) -> Batch:
    """The account enters its state."""
    return Batch(changes=[StateChange(account, message)])


def living(*, forget_said: float = 0.0, **lived: object) -> Batch:
    """Anna has lived this."""
    return Batch(progress=[(COUNTED, Progress(**lived))], forget_said=forget_said)  # type: ignore[arg-type]


async def test_an_account_comes_back_as_it_was_stored(accounts: SqliteAccounts) -> None:
    """Whatever is not stored is lost with a restart."""
    await accounts.write(entering())
    assert await accounts.accounts() == [ANNA]
    await accounts.write(living())
    assert await accounts.accounts() == [COUNTED]


async def test_numbers_have_no_gap_whatever_was_confirmed(accounts: SqliteAccounts) -> None:
    """The registry counts on it: a gap would be waited for for ever."""
    await accounts.write(Batch(changes=[StateChange(ANNA, change)] * 3))
    await accounts.confirm_changes(3)
    await accounts.write(entering())
    assert [each.number for each in await accounts.changes_after(0, 10)] == [4]


async def test_what_cannot_be_written_whole_leaves_no_trace(accounts: SqliteAccounts) -> None:
    """A number that was taken by a failed transaction would be a gap; half a batch, an answer that nobody gave."""

    def broken(number: int) -> AccountChanged:
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        await accounts.write(Batch(changes=[StateChange(ANNA, change), StateChange(ANNA, broken)]))
    await accounts.write(entering())
    assert [each.number for each in await accounts.changes_after(0, 10)] == [1]


async def test_a_change_of_state_does_not_touch_the_counters(accounts: SqliteAccounts) -> None:
    """A state that was entered while something was heard would set the counters back."""
    await accounts.write(entering())
    await accounts.write(living())
    await accounts.write(entering(replace(ANNA, state=AccountState(AccountStatus.STOPPED), dead_file=None)))
    [after] = await accounts.accounts()
    assert (after.message_count, after.reply_count, after.last_activity) == (9, 8, NOW)
    assert (after.state.status, after.dead_file) == (AccountStatus.STOPPED, None)


async def test_counters_do_not_touch_the_state(accounts: SqliteAccounts) -> None:
    """Counters that were taken before a change of state must not undo it."""
    await accounts.write(entering())
    await accounts.write(
        Batch(progress=[(replace(COUNTED, state=AccountState(AccountStatus.ONLINE), session_file="x"), Progress())])
    )
    [after] = await accounts.accounts()
    assert (after.state, after.session_file) == (ANNA.state, ANNA.session_file)


async def test_the_newest_message_of_each_chat_is_kept_until_it_is_forgotten(accounts: SqliteAccounts) -> None:
    """Without it every message that comes again is answered again; and old chats would pile up for ever."""
    await accounts.write(entering())
    later = Seen(6, NOW + timedelta(seconds=1))
    await accounts.write(living(seen={-100: later, -200: Seen(9, NOW)}))
    assert await accounts.seen() == {"anna": {-200: Seen(9, NOW), -100: later}}
    assert list((await accounts.seen())["anna"]) == [-200, -100]
    await accounts.write(living(seen={-200: None}))
    assert await accounts.seen() == {"anna": {-100: later}}


async def test_conversations_and_memory_come_back_word_for_word(accounts: SqliteAccounts) -> None:
    """A guest in the middle of a scene would have to begin again after every restart."""
    await accounts.write(entering())
    kept = {GUEST.key: GUEST, CHAT.key: CHAT}
    await accounts.write(living(script_id="greeter", conversations=kept, memory=MEMORY))
    remembered = (await accounts.remembered())["anna"]
    read = [Conversation.model_validate_json(body) for body in remembered.conversations]
    assert {each.key: each for each in read} == kept and remembered.script_id == "greeter"
    assert AccountMemory.model_validate_json(remembered.memory or "") == MEMORY
    await accounts.write(living(script_id="greeter", conversations={CHAT.key: None}))
    [body] = (await accounts.remembered())["anna"].conversations
    assert Conversation.model_validate_json(body) == GUEST


async def test_what_is_forgotten_goes_before_what_is_learnt_instead(accounts: SqliteAccounts) -> None:
    """An account that plays another script would go on with the old one's variables, or lose the new one's."""
    await accounts.write(entering())
    await accounts.write(living(script_id="greeter", conversations={GUEST.key: GUEST}, memory=MEMORY))
    await accounts.write(living(script_id="other", forgets=True, conversations={CHAT.key: CHAT}))
    remembered = (await accounts.remembered())["anna"]
    assert (remembered.script_id, remembered.memory, len(remembered.conversations)) == ("other", None, 1)
    await accounts.write(living(forgets=True))
    assert await accounts.remembered() == {}


async def test_a_memory_without_conversations_comes_back_too(accounts: SqliteAccounts) -> None:
    """The timers of an account with which nobody talks would begin anew with every restart."""
    await accounts.write(entering())
    await accounts.write(living(script_id="greeter", memory=AccountMemory(timers={"t": 1.0})))
    assert (await accounts.remembered())["anna"] == Remembered("greeter", [], '{"timers":{"t":1.0}}')


async def test_what_is_to_be_said_comes_back_in_its_order_and_exactly(accounts: SqliteAccounts) -> None:
    """Another random id would be another message to Telegram: said twice."""
    await accounts.write(entering())
    await accounts.write(living(sends={REACTION.number: REACTION, TEXT.number: TEXT}))
    assert await accounts.sends() == {"anna": [TEXT, REACTION]}
    attempted = replace(TEXT, attempted_at=103.0)
    await accounts.write(living(sends={TEXT.number: attempted, REACTION.number: None}))
    assert await accounts.sends() == {"anna": [attempted]}


async def test_what_was_said_counts_for_a_while_without_its_words(accounts: SqliteAccounts) -> None:
    """A restart would give every account its whole minute again, and the ledger would keep everything ever said."""
    await accounts.write(entering())
    said = replace(TEXT, said_at=110.0)
    await accounts.write(living(sends={said.number: said}))
    assert await accounts.sends() == {"anna": [replace(said, effect=SendText("@a", "", 12))]}
    await accounts.write(living(sends={REACTION.number: REACTION}, forget_said=110.5))
    assert await accounts.sends() == {"anna": [REACTION]}


async def test_a_silence_is_kept(accounts: SqliteAccounts) -> None:
    """A restart in the middle of Telegram's wait would ask it again before the time."""
    await accounts.write(entering())
    silence = Silence(200.5, AccountStatus.LIMITED, "PEER_FLOOD")
    await accounts.write(living(silence=Silence(100.0, AccountStatus.WAITING, "FLOOD_WAIT")))
    await accounts.write(living(silence=silence))
    assert await accounts.silences() == {"anna": silence}


async def test_of_an_account_that_is_gone_nothing_is_left(database: Database, accounts: SqliteAccounts) -> None:
    """The next account of this name would answer for it; and its guests' words would stay on the disk for ever."""
    await accounts.write(entering())
    silence = Silence(200.5, AccountStatus.WAITING, "FLOOD_WAIT")
    everything = living(
        seen={-100: Seen(5, NOW)},
        script_id="greeter",
        conversations={GUEST.key: GUEST},
        memory=MEMORY,
        sends={TEXT.number: TEXT},
        silence=silence,
    )
    await accounts.write(replace(everything, gone=["anna"]))
    async with database.transaction() as connection:
        for table in TABLES:
            assert await connection.execute(f"select * from {table}") == []
