"""Who waits for whom: only PostgreSQL has several transactions at a time, so only there it can be asked."""

import asyncio
from datetime import timedelta

from sqlalchemy import text

from services.registry.domain.assignments import ASSIGNED, Assignment
from tests.contract.registry.rows import NODE, group
from tests.contract.registry.subject import Subject
from tests.support.waiting import until
from tests.unit.registry.builders import account

# Of what does not wait at all.
MOMENT = 5.0


async def a_node_with_accounts(subject: Subject) -> None:
    """Node `n` has `b` and `a`, in this order in the table."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        await transaction.save_nodes([NODE], 30)
        await transaction.write_accounts([group(1, 1, account("a"))])
        for account_id in "ba":
            await transaction.save_assignments([Assignment(account_id, ASSIGNED, node_id="n")])


async def test_the_look_at_counters_waits_for_no_beat_and_keeps_none_waiting(postgres: Subject) -> None:
    """With every full hour all leases would wait until a hundred thousand rows are written, or all of it deadlock."""
    await a_node_with_accounts(postgres)
    async with postgres.store.begin() as beat:
        await beat.lock_nodes(["n"])
        async with asyncio.timeout(MOMENT), postgres.store.begin() as look:
            assert await look.count_accounts() == 1
            await look.prune_counts(-timedelta(days=1), 100)
    async with postgres.store.begin() as look:
        assert await look.count_accounts() == 1
        async with asyncio.timeout(MOMENT), postgres.store.begin() as beat:
            assert list(await beat.lock_nodes(["n"])) == ["n"]
    await postgres.pass_time(60)
    async with postgres.store.begin() as look:
        await look.prune_counts(-timedelta(days=1), 100)
        assert await look.count_accounts() == 1
        async with postgres.store.begin() as sweep:
            assert [node.node_id for node in await sweep.expire_leases(10)] == ["n"]


async def test_a_silenced_node_s_rows_are_locked_in_their_order(postgres: Subject) -> None:
    """Whoever locks two of them in their order would wait for it, and it for them."""
    await a_node_with_accounts(postgres)
    database = postgres._database
    assert database is not None

    async def silence() -> None:
        async with postgres.store.begin() as transaction:
            await transaction.silence(["n"], timedelta(seconds=10))

    async def waits() -> bool:
        async with database.begin() as connection:
            return bool((await connection.execute(text("select count(*) from pg_locks where not granted"))).scalar())

    async with postgres.store.begin() as first:
        await first.lock_assignments(["a"])
        silencing = asyncio.create_task(silence())
        await until(waits, "the rows are waited for")
        async with asyncio.timeout(MOMENT), postgres.store.begin() as second:
            assert list(await second.lock_assignments(["b"])) == ["b"]
    await silencing
    async with postgres.store.begin() as transaction:
        rows = await transaction.lock_assignments(["a", "b"])
    assert all(row.silent_before is not None for row in rows.values())
