"""The history of accounts: each change once, in unbroken numbers, pruned when its node may forget it."""

from dataclasses import replace
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
        assert await transaction.prune_changes(4, timedelta(days=1), 100) == 1
    await subject.pass_time(2 * 24 * 3600)
    async with subject.store.begin() as transaction:
        assert await transaction.prune_changes(4, timedelta(days=1), 100) == 2
    assert [entry.number for entry in await subject.store.account_changes("a", None, 10)] == [5]


async def test_history_is_pruned_in_pieces_the_oldest_first(subject: Subject) -> None:
    """What a statement cannot do in its time would be given up each time, and the table grow for ever."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n", "m"])
        await transaction.save_nodes([NODE, replace(NODE, node_id="m")], 30)
        await transaction.add_changes([change(number) for number in range(1, 8)])
        await transaction.add_changes([change(number, node_id="m") for number in range(1, 8)])
        await transaction.advance_changes(["n", "m"])
    pruned = []
    for _ in range(4):
        async with subject.store.begin() as transaction:
            pruned.append(await transaction.prune_changes(2, timedelta(days=1), 4))
    assert pruned == [4, 4, 2, 0]
    for node_id in ("n", "m"):
        assert [entry.number for entry in await subject.store.account_changes("a", node_id, 10)] == [7, 6]


async def test_history_of_ledgers_of_before_is_pruned(subject: Subject) -> None:
    """A node that is set up anew again and again would fill the table with what nobody counts."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n", "never-beaten"])
        await transaction.save_nodes([NODE], 30)
        await transaction.add_changes([change(number, ledger_id=OTHER_LEDGER) for number in range(1, 6)])
        await transaction.add_changes([change(number, ledger_id="0" * 32) for number in range(6, 8)])
        await transaction.add_changes([change(number, node_id="never-beaten") for number in range(1, 5)])
        await transaction.add_changes([change(1)])
        await transaction.advance_changes(["n"])
    async with subject.store.begin() as transaction:
        assert await transaction.prune_changes(3, timedelta(days=1), 100) == 4 + 1
    assert [entry.number for entry in await subject.store.account_changes("a", "n", 10)] == [7, 6, 5, 1]
    await subject.pass_time(2 * 24 * 3600)
    async with subject.store.begin() as transaction:
        assert await transaction.prune_changes(3, timedelta(days=1), 100) == 3 + 1 + 3
