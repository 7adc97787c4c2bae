"""What accounts counted, hour by hour, and why they are not well: questions that no report answers by itself."""

from datetime import timedelta

import pytest

from services.registry.domain.accounts import AccountGroup
from services.registry.domain.views import AccountPlace, AccountQuestion
from shared.contracts.fleet import NodeStatus
from tests.contract.registry.rows import NODE
from tests.contract.registry.subject import Subject
from tests.unit.registry.builders import account

HOUR, WEEK = 3600, timedelta(days=7)


async def looked_at(subject: Subject, seq: int, messages: int, replies: int = 0) -> int:
    """The account has counted so far, and is looked at; how many rows that wrote."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        report = account("a", message_count=messages, reply_count=replies)
        await transaction.write_accounts([AccountGroup("n", 1, seq, [report])])
    async with subject.store.begin() as transaction:
        return await transaction.count_accounts()


async def counted(subject: Subject, limit: int = 10) -> list[tuple[int, int]]:
    """Messages and replies of each hour, the newest first."""
    return [(one.messages, one.replies) for one in await subject.store.account_counts("a", "n", limit)]


async def test_hours_say_what_was_heard_in_them(subject: Subject) -> None:
    """A total that only rises does not tell when an account fell silent; an hour of nothing is none."""
    assert await looked_at(subject, 1, 100, 10) == 1
    assert await counted(subject) == []
    assert await looked_at(subject, 2, 105, 12) == 1
    assert await counted(subject) == [(5, 2)]
    assert await looked_at(subject, 3, 105, 12) == 0
    await subject.pass_time(2 * HOUR)
    assert await looked_at(subject, 4, 106, 12) == 1
    assert await counted(subject) == [(1, 0), (5, 2)]
    assert await counted(subject, limit=1) == [(1, 0)]
    assert await subject.store.account_counts("a", "other", 10) == []


async def test_a_counter_that_fell_counts_from_nothing(subject: Subject) -> None:
    """An account that came to a new ledger would have heard less than nothing."""
    await looked_at(subject, 1, 100)
    await subject.pass_time(HOUR)
    await looked_at(subject, 2, 3)
    await looked_at(subject, 3, 7)
    assert await counted(subject) == [(4, 0)]


async def test_old_hours_are_forgotten(subject: Subject) -> None:
    """A hundred thousand accounts that talk all day would fill the disk."""
    await looked_at(subject, 1, 100)
    await looked_at(subject, 2, 101)
    async with subject.store.begin() as transaction:
        assert await transaction.prune_counts(WEEK, 100) == 0
    await subject.pass_time(8 * 24 * HOUR)
    await looked_at(subject, 3, 102)
    async with subject.store.begin() as transaction:
        assert await transaction.prune_counts(WEEK, 100) == 1
    assert await counted(subject) == [(1, 0)]


@pytest.mark.parametrize("status", [NodeStatus.ONLINE, NodeStatus.OFFLINE])
async def test_causes_are_counted_and_lead_to_their_accounts(subject: Subject, status: NodeStatus) -> None:
    """Ten thousand accounts in error are one thing to do or ten; of a silent node they are not known to be."""
    ill = [account(f"b{number}", status="error", status_reason="banned") for number in range(3)]
    others = [account("d", status="error", status_reason="dead"), account("l", status="limited"), account("w")]
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        await transaction.save_nodes([NODE], 30)
        await transaction.write_accounts([AccountGroup("n", 1, 1, [*ill, *others])])
    if status is NodeStatus.OFFLINE:
        await subject.pass_time(60)
        async with subject.store.begin() as transaction:
            await transaction.expire_leases(10)
    found = [(one.status, one.reason, one.accounts) for one in await subject.store.causes(2)]
    listed = await subject.store.accounts(AccountQuestion(reason="banned"), AccountPlace(), 10)
    if status is NodeStatus.ONLINE:
        assert found == [("error", "banned", 3), ("error", "dead", 1)]
        assert [one.account_id for one in listed] == ["b0", "b1", "b2"]
        assert [one.reason for one in await subject.store.causes(9)] == ["banned", "dead", None]
    else:
        assert (found, listed) == ([], [])
