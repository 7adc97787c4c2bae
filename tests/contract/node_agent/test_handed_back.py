"""The ledger's part for logins that are handed back, on a file and in memory."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.node_agent.domain.logins import HandedBack, PendingState
from services.node_agent.store import handed_back
from services.node_agent.store.database import Database
from services.node_agent.store.handed_back import SqliteHandedBack

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATE = HandedBack("anna", 3, 1000, 7, "sha256:" + "a" * 64, 28672, False, NOW, b"\x00sealed")


@pytest.fixture
async def ledger(database: Database) -> SqliteHandedBack:
    """An empty ledger."""
    return SqliteHandedBack(database)


def pending(state: HandedBack) -> PendingState:
    """A state as it waits."""
    return PendingState(state.account_id, state.epoch, state.boot, state.number, state.hash)


async def test_a_state_comes_back_as_it_was_kept(ledger: SqliteHandedBack) -> None:
    """Whatever is not kept is lost with a restart."""
    await ledger.keep([STATE])
    assert await ledger.pending() == [pending(STATE)]
    assert await ledger.state(pending(STATE)) == STATE


async def test_a_newer_state_takes_the_place_and_an_older_one_does_not(ledger: SqliteHandedBack) -> None:
    """The vault would be sent every state of a day, or end with one of this morning."""
    newer = replace(STATE, boot=1001, number=1, hash="sha256:" + "b" * 64)
    await ledger.keep([STATE])
    await ledger.keep([newer])
    await ledger.keep([replace(STATE, number=9)])
    assert await ledger.pending() == [pending(newer)]
    assert await ledger.state(pending(STATE)) is None
    assert await ledger.hash_of("anna", 3) == newer.hash


async def test_an_order_of_the_vaults_is_answered_by_whatever_is_newest(ledger: SqliteHandedBack) -> None:
    """Whoever waits would wait in vain when a newer state takes the place of the one that was asked for."""
    asked = replace(STATE, answers="syn_" + "1" * 32)
    newer = replace(STATE, number=8, hash="sha256:" + "b" * 64)
    await ledger.keep([asked])
    assert await ledger.state(pending(asked)) == asked
    await ledger.keep([newer])
    assert await ledger.state(pending(newer)) == replace(newer, answers=asked.answers)
    await ledger.stored("anna", 3, STATE.hash)
    assert await ledger.state(pending(newer)) == replace(newer, answers=asked.answers), "the vault has an older one"
    await ledger.stored("anna", 3, newer.hash)
    later = replace(newer, number=9, hash="sha256:" + "c" * 64)
    await ledger.keep([later])
    assert await ledger.state(pending(later)) == later


async def test_what_the_vault_has_waits_no_more_and_is_known(ledger: SqliteHandedBack) -> None:
    """It would be sent for ever; and a started agent could not say which state it gave back."""
    await ledger.keep([STATE])
    await ledger.stored("anna", 3, "sha256:" + "b" * 64)
    assert len(await ledger.pending()) == 1
    await ledger.stored("anna", 3, STATE.hash)
    assert await ledger.pending() == [] and await ledger.state(pending(STATE)) is None
    assert await ledger.hash_of("anna", 3) == STATE.hash and await ledger.hash_of("anna", 2) is None


async def test_a_last_state_waits_although_the_account_has_come_back_in_a_later_epoch(ledger: SqliteHandedBack) -> None:
    """What was given away would be lost; but what goes on meanwhile is of no use."""
    last = replace(STATE, final=True)
    await ledger.keep([last, replace(STATE, account_id="bert")])
    later = [replace(STATE, epoch=5, boot=1001), replace(STATE, account_id="bert", epoch=5, boot=1001)]
    await ledger.keep(later)
    assert {(each.account_id, each.epoch) for each in await ledger.pending()} == {("anna", 3), ("anna", 5), ("bert", 5)}


async def test_what_is_kept_is_bounded(ledger: SqliteHandedBack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vault that is away for a year would fill the node's disk."""
    monkeypatch.setattr(handed_back, "MOST_ROWS", 3)
    states = [replace(STATE, account_id=f"a{number}", number=number) for number in range(1, 6)]
    await ledger.keep(states[:4])
    await ledger.stored("a4", 3, STATE.hash)
    await ledger.keep(states[4:])
    assert [each.account_id for each in await ledger.pending()] == ["a2", "a3", "a5"]
