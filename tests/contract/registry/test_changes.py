"""The history of accounts: each change once, in unbroken numbers, pruned when its node may forget it."""

from datetime import timedelta

from services.registry.domain.ports import Transaction
from tests.contract.registry.rows import NODE
from tests.contract.registry.subject import Subject
from tests.unit.registry.builders import OTHER_LEDGER, account, change


async def test_changes_advance_to_the_first_hole(transaction: Transaction) -> None:
    """The node would forget a change that the broker lost."""
    await transaction.save_nodes([NODE], 30)
    await transaction.add_changes([change(1), change(2), change(4), change(1, ledger_id=OTHER_LEDGER)])
    assert dict(await transaction.advance_changes(["n"])) == {"n": 2}
    assert dict(await transaction.advance_changes(["n"])) == {}
    await transaction.add_changes([change(3)])
    assert dict(await transaction.advance_changes(["n"])) == {"n": 4}


async def test_a_change_is_kept_once(subject: Subject) -> None:
    """A change that was sent again would be in the history twice, or overwrite what was recorded."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        await transaction.add_changes([change(1, account(status="error", status_reason="first"))])
        await transaction.add_changes([change(1, account(status="online")), change(2)])
    history = await subject.store.account_changes("a", None, 10)
    assert [(entry.number, entry.status, entry.reason) for entry in history] == [
        (2, "online", None),
        (1, "error", "first"),
    ]
    assert await subject.store.account_changes("a", "other", 10) == []


async def test_only_confirmed_history_is_pruned(subject: Subject) -> None:
    """A change behind a hole would be deleted before its node knows that it was recorded."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        await transaction.save_nodes([NODE], 30)
        await transaction.add_changes([change(number) for number in (1, 2, 3, 5)])
        await transaction.advance_changes(["n"])
    async with subject.store.begin() as transaction:
        assert await transaction.prune_changes(3, timedelta(days=1)) == 1
    await subject.pass_time(2 * 24 * 3600)
    async with subject.store.begin() as transaction:
        assert await transaction.prune_changes(3, timedelta(days=1)) == 2
    assert [entry.number for entry in await subject.store.account_changes("a", None, 10)] == [5]
