"""How the roster writes: one transaction for everybody, all of it or nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.node_agent.domain.account_states import CONNECTING, ERROR, ONLINE, STOPPED
from services.node_agent.domain.accounts import Station
from services.node_agent.domain.beats import Beats
from services.node_agent.domain.journal import Journal
from services.node_agent.domain.ports import Batch, LedgerAway
from services.node_agent.domain.telegram import IncomingMessage, Newcomer
from services.node_agent.store.accounts import SqliteAccounts
from services.node_agent.store.database import Database, InlineConnection
from services.node_agent.store.identity import begin_boot
from services.node_agent.use_cases.roster import MOST_CHATS, Roster
from services.node_agent.use_cases.stage import Stage
from services.node_agent.use_cases.unsaid import Unsaid
from shared.clock import VirtualClock
from shared.randomness import SeededRandomness

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Ledger(SqliteAccounts):
    """Counts its commits; `meanwhile` happens in the middle of one, `broken` makes them fail."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.commits, self.broken = 0, False
        self.meanwhile: Callable[[], object] = lambda: None

    async def write(self, batch: Batch) -> None:
        """Store it all, or nothing."""
        self.commits += 1
        await asyncio.sleep(0)
        self.meanwhile()
        if self.broken:
            raise LedgerAway("the disk is full")
        await super().write(batch)


class Desk:
    """A roster with its ledger."""

    def __init__(self, database: Database, roster: Roster, ledger: Ledger) -> None:
        self.database, self.roster, self.ledger = database, roster, ledger

    @classmethod
    async def open(cls, database: Database | None = None) -> "Desk":
        """With an empty ledger, or with that of an agent before this one."""
        database = database or Database(InlineConnection())
        await database.prepare()
        clock, dice, journal = VirtualClock(NOW), SeededRandomness(1), Journal()
        identity = await begin_boot(database, NOW, dice)
        ledger, stage, unsaid = Ledger(database), Stage(dice, journal), Unsaid(journal, clock, dice)
        return cls(database, Roster("n", identity, ledger, Beats(), stage, unsaid, journal, clock), ledger)

    async def count(self, account_id: str = "anna") -> tuple[int, int]:
        """The counters in the ledger."""
        [account] = [each for each in await self.ledger.accounts() if each.account_id == account_id]
        return account.message_count, account.reply_count


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A roster with the account anna."""
    desk = await Desk.open()
    await desk.roster.appear("anna", Station("anna.session", 0))
    desk.ledger.commits = 0
    yield desk
    desk.ledger.broken = False
    await desk.roster.close()
    await desk.database.close()


def message(number: int, chat_id: int = -100) -> IncomingMessage:
    """A guest's message."""
    return IncomingMessage(chat_id, None, False, 5, "Gil", "hello", number, NOW + timedelta(seconds=number))


async def test_a_thousand_accounts_that_come_online_at_once_are_a_few_commits() -> None:
    """A commit for each of them is seconds of waiting for the disk before anybody is online."""
    desk = await Desk.open()
    names = [f"a{number}" for number in range(1000)]
    await asyncio.gather(*(desk.roster.appear(name, Station(f"{name}.session", 0)) for name in names))
    await asyncio.gather(*(desk.roster.enter(name, CONNECTING) for name in names))
    assert desk.ledger.commits <= 4
    assert [change.number for change in await desk.ledger.changes_after(0, 3000)] == list(range(1, 2001))
    await desk.roster.close()
    await desk.database.close()


async def test_who_asks_while_a_commit_is_under_way_gets_the_next(desk: Desk) -> None:
    """A flush that takes part in a commit that was begun before it would promise what is not written."""
    roster, asked = desk.roster, list[asyncio.Task[None]]()

    def meanwhile() -> None:
        if not asked:
            roster.heard("anna", message(2))
            asked.extend(asyncio.create_task(roster.flush()) for _ in range(5))

    desk.ledger.meanwhile = meanwhile
    roster.heard("anna", message(1))
    await roster.flush()
    assert await desk.count() == (1, 0)
    await asyncio.gather(*asked)
    assert await desk.count() == (2, 0) and desk.ledger.commits == 2


async def test_what_could_not_be_written_is_written_the_next_time(desk: Desk) -> None:
    """A full disk would cost counters, and let a message be answered again."""
    desk.ledger.broken = True
    desk.roster.heard("anna", message(1))
    with pytest.raises(LedgerAway):
        await desk.roster.flush()
    desk.roster.heard("anna", message(2))
    desk.ledger.broken = False
    await desk.roster.flush()
    assert await desk.count() == (2, 0)
    assert (await desk.ledger.seen())["anna"][-100].message_id == 2


async def test_a_state_that_could_not_be_written_was_never_entered(desk: Desk) -> None:
    """The registry would be shown a state without its change, and the next start would not know it."""
    desk.ledger.broken = True
    with pytest.raises(LedgerAway):
        await desk.roster.enter("anna", CONNECTING)
    assert desk.roster["anna"].state.status == STOPPED
    desk.ledger.broken = False
    await desk.roster.enter("anna", CONNECTING)
    assert [change.account.status for change in await desk.ledger.changes_after(0, 9)] == ["stopped", "connecting"]


async def test_states_that_follow_each_other_in_one_commit_keep_their_order(desk: Desk) -> None:
    """The operator would read that an account went to error while it was stopped."""
    await asyncio.gather(
        desk.roster.enter("anna", CONNECTING),
        desk.roster.enter("anna", ONLINE, user_id=7),
        desk.roster.enter("anna", ERROR, "dead", dead_file="1"),
    )
    told = [(change.previous_status, change.account.status) for change in await desk.ledger.changes_after(1, 9)]
    assert told == [("stopped", "connecting"), ("connecting", "online"), ("online", "error")]
    assert (desk.roster["anna"].user_id, desk.roster["anna"].dead_file) == (7, "1")


async def test_a_waiter_who_is_cancelled_leaves_the_others_their_commit(desk: Desk) -> None:
    """The end of one runner would take back what another account has already acted upon."""
    await desk.roster.appear("bert", Station("bert.session", 0))
    one = asyncio.create_task(desk.roster.enter("anna", CONNECTING))
    two = asyncio.create_task(desk.roster.enter("bert", CONNECTING))
    desk.ledger.meanwhile = one.cancel
    await two
    assert desk.roster["anna"].state.status == desk.roster["bert"].state.status == CONNECTING


async def test_counters_that_rise_during_a_change_are_in_it_and_stay(desk: Desk) -> None:
    """A change of state that is written with the counters of before sets them back."""
    desk.ledger.meanwhile = lambda: desk.roster.heard("anna", message(1))
    await desk.roster.enter("anna", CONNECTING)
    await desk.roster.flush()
    assert desk.roster["anna"].message_count == 1 and await desk.count() == (1, 0)


async def test_an_account_that_leaves_leaves_nothing(desk: Desk) -> None:
    """What was heard in its last moment would be written after it was forgotten, and stay for ever."""
    desk.roster.heard("anna", message(1))
    leaving = asyncio.create_task(desk.roster.vanish("anna"))
    desk.ledger.meanwhile = lambda: "anna" in desk.roster and desk.roster.heard("anna", message(2))
    await leaving
    await desk.roster.flush()
    assert await desk.ledger.accounts() == [] and await desk.ledger.seen() == {}
    assert "anna" not in desk.roster


async def test_everybody_who_joins_with_one_message_is_heard_once(desk: Desk) -> None:
    """Of five people who were brought into a group together, four would not be welcomed; or all of them twice."""

    def joins(user_id: int, number: int = 1) -> bool:
        return desk.roster.heard("anna", Newcomer(-100, None, user_id, "Nell", number, NOW))

    assert [joins(user_id) for user_id in (1, 2, 1, 3, 3)] == [True, True, False, True, False]
    await desk.roster.flush()
    again = await Desk.open(desk.database)
    await again.roster.load()
    assert not again.roster.heard("anna", Newcomer(-100, None, 2, "Nell", 1, NOW))
    assert await again.count() == (0, 0)
    await again.roster.close()


async def test_the_chats_that_are_remembered_are_bounded(desk: Desk) -> None:
    """Every stranger who ever wrote to an account would stay in its memory and its ledger."""
    for number in range(MOST_CHATS + 3):
        desk.roster.heard("anna", message(number, chat_id=number))
    await desk.roster.flush()
    assert sorted((await desk.ledger.seen())["anna"]) == list(range(3, MOST_CHATS + 3))
