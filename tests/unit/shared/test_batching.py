"""A handler's place in a batch: nobody is forgotten, nobody gets another's result."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.batching import Batcher


async def test_items_that_come_together_are_flushed_together_and_get_their_own_results() -> None:
    """Results handed out in the wrong order would settle the wrong messages."""
    batches: list[list[int]] = []

    async def flush(items: Sequence[int]) -> Sequence[int]:
        batches.append(list(items))
        return [item * 10 for item in items]

    batcher = Batcher(flush, most=4, linger=0.01)
    assert await asyncio.gather(*(batcher.submit(n) for n in range(10))) == [n * 10 for n in range(10)]
    assert max(map(len, batches)) == 4
    assert [item for batch in batches for item in batch] == list(range(10))
    await batcher.close()


async def test_a_failed_flush_fails_every_item_in_it_and_none_after_it() -> None:
    """A batch that failed without telling would settle messages that were never written."""
    failures = iter([True, False])

    async def flush(items: Sequence[str]) -> Sequence[str]:
        if next(failures):
            raise ConnectionError("the database is away")
        return items

    batcher = Batcher(flush, most=10, linger=0.001)
    for outcome in await asyncio.gather(batcher.submit("a"), batcher.submit("b"), return_exceptions=True):
        assert isinstance(outcome, ConnectionError)
    assert await batcher.submit("c") == "c"
    await batcher.close()


async def test_closing_flushes_what_waits() -> None:
    """Messages in work at shutdown would otherwise be delivered again for nothing."""
    flushed: list[int] = []

    async def flush(items: Sequence[int]) -> Sequence[None]:
        flushed.extend(items)
        return [None] * len(items)

    batcher = Batcher(flush, most=100, linger=60)
    waiting = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0)
    await batcher.close()
    await waiting
    assert flushed == [1]


async def test_a_cancelled_submitter_does_not_disturb_the_others() -> None:
    """A lost connection cancels one handler; its neighbours in the batch must still be answered."""
    release = asyncio.Event()

    async def flush(items: Sequence[int]) -> Sequence[int]:
        await release.wait()
        return items

    batcher = Batcher(flush, most=2, linger=0.001)
    one, two = asyncio.create_task(batcher.submit(1)), asyncio.create_task(batcher.submit(2))
    await asyncio.sleep(0.01)
    one.cancel()
    release.set()
    assert await two == 2
    with pytest.raises(asyncio.CancelledError):
        await one
    await batcher.close()
