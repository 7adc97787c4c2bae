"""Rows of accounts: they only rise, and what has changed is told apart."""

from datetime import timedelta

import pytest

from services.registry.domain.accounts import FullReport, Removal, Written
from services.registry.domain.ports import Transaction
from tests.contract.registry.rows import NODE, group, views
from tests.contract.registry.subject import Subject
from tests.unit.registry.builders import AT, account


async def test_new_rows_states_and_counters_are_told_apart(transaction: Transaction) -> None:
    """The outbox would fill with counters, or a new state would never be told."""
    first = [account("a"), account("b"), account("c")]
    assert await transaction.write_accounts([group(1, 1, *first)]) == Written(changed={0, 1, 2}, placed={0, 1, 2})
    second = [account("a"), account("b", message_count=1), account("c", status="error", status_reason="banned")]
    assert await transaction.write_accounts([group(1, 2, *second)]) == Written(changed={2}, counted={1})


@pytest.mark.parametrize("origin", [(1, 1, 0), (1, 2, 3), (1, 2, 4), (0, 9, 9)])
async def test_rows_only_rise(transaction: Transaction, subject: Subject, origin: tuple[int, int, int]) -> None:
    """A late report would put an account back into a state that it has left."""
    await transaction.write_accounts([group(1, 2, account(message_count=9), number=4)])
    boot, seq, number = origin
    late = group(boot, seq, account(message_count=1), number=number)
    assert await transaction.write_accounts([late]) == Written()


@pytest.mark.parametrize("origin", [(1, 2, 5), (1, 3, 0), (2, 0, 0)])
async def test_a_newer_row_replaces(transaction: Transaction, origin: tuple[int, int, int]) -> None:
    """News would be taken for old."""
    await transaction.write_accounts([group(1, 2, account(message_count=9), number=4)])
    boot, seq, number = origin
    newer = group(boot, seq, account(message_count=1), number=number)
    assert await transaction.write_accounts([newer]) == Written(counted={0})


async def test_positions_count_through_groups_and_statements(subject: Subject) -> None:
    """With more rows than a statement takes, a change would be told of another account."""
    reports = [account(f"a{number:04}") for number in range(2500)]
    groups = [group(1, 1, *reports[:700]), group(1, 1, *reports[700:])]
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        assert await transaction.write_accounts(groups) == Written(changed=set(range(2500)), placed=set(range(2500)))
        reports[1700] = account("a1700", status="error")
        reports[2400] = account("a2400", reply_count=1)
        groups = [group(1, 2, *reports[:1750]), group(1, 2, *reports[1750:])]
        assert await transaction.write_accounts(groups) == Written(changed={1700}, counted={2400})


# What an account's report says to the back office itself: see `user_ids`; the vault knows its own hashes.
NOT_SHOWN = {"user_id", "session_hash"}


async def test_every_column_of_an_account_survives(subject: Subject) -> None:
    """An unusual text would be cut, split or refused with the hundred rows beside it."""
    odd = account(
        "+49.odd_@-name",
        status="waiting",
        status_reason='NULL, "quoted" \\ {braces}\n劇本 \0 end',
        script_id="welcome",
        script_version=2**31 - 1,
        script_hash="sha256:" + "f" * 64,
        message_count=2**63 - 1,
        reply_count=1,
        last_activity=AT + timedelta(microseconds=123456),
        session_file="NULL",
        user_id=2**63 - 1,
    )
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        await transaction.save_nodes([NODE], 30)
        await transaction.write_accounts([group(1, 1, odd, account("plain"))])
    shown = await views(subject)
    expected = odd.model_dump(exclude=NOT_SHOWN)
    reason = shown[odd.account_id].status_reason or ""
    assert reason.replace("\N{REPLACEMENT CHARACTER}", "\0") == expected.pop("status_reason")
    assert {name: getattr(shown[odd.account_id], name) for name in expected} == expected
    assert await subject.store.user_ids(10) == [2**63 - 1]
    assert shown["plain"].session_file is None
    assert shown["plain"].source == "local"


async def test_a_full_report_removes_what_it_does_not_list(transaction: Transaction) -> None:
    """Accounts that left a node while it was not heard would stay for ever."""
    await transaction.write_accounts([group(1, 1, account("a"), account("b"))])
    await transaction.write_accounts([group(1, 3, account("late"))])
    await transaction.write_accounts([group(1, 2, account("a"))])
    assert await transaction.remove_unlisted([FullReport("n", 1, 2)]) == [("n", "b")]
    assert await transaction.known_accounts([("n", "a"), ("n", "b"), ("n", "late")]) == {("n", "a"), ("n", "late")}


async def test_a_removal_takes_only_rows_that_are_not_newer(transaction: Transaction) -> None:
    """An account that came back would be deleted by the word that it had gone."""
    await transaction.write_accounts([group(1, 2, account("a")), group(1, 4, account("b"))])
    gone = await transaction.remove_accounts(
        [Removal("n", "a", 1, 3), Removal("n", "b", 1, 3), Removal("n", "c", 1, 3)]
    )
    assert gone == [("n", "a")]
