"""Batches: many handlers await one transaction.

A handler submits its item and awaits; items that come within `linger` seconds of each other are flushed
together, at most `most` at a time, one flush after the other. Each submitter gets its item's result, or the
exception that the flush raised. Places are bounded by the consumer's prefetch: whoever submits, waits.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Place = tuple[Item, "asyncio.Future[Result]"]


class Batcher(Generic[Item, Result]):
    """Collects items and flushes them together. `flush` returns one result per item, in order."""

    def __init__(
        self, flush: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], *, most: int, linger: float
    ) -> None:
        self._flush = flush
        self._most = most
        self._linger = linger
        self._places: list[tuple[Item, asyncio.Future[Result]]] = []
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many items wait for a flush."""
        return len(self._places)

    async def submit(self, item: Item) -> Result:
        """Wait until the batch with this item was flushed. Raises what the flush raised."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="batcher")
        place: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._places.append((item, place))
        self._arrived.set()
        if len(self._places) >= self._most:
            self._full.set()
        return await place

    async def close(self) -> None:
        """Flush what waits, then stop."""
        while self._places:
            await self._flush_once()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            with contextlib.suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it can lose the cancellation of `close`.
                async with asyncio.timeout(self._linger):
                    await self._full.wait()
            while self._places:
                await self._flush_once()
                if len(self._places) < self._most:
                    break
            if not self._places:
                self._arrived.clear()
            self._full.clear()

    async def _flush_once(self) -> None:
        batch, self._places = self._places[: self._most], self._places[self._most :]
        try:
            results = await self._flush([item for item, _ in batch])
        except asyncio.CancelledError:
            for _, place in batch:
                place.cancel()
            raise
        except Exception as error:
            for _, place in batch:
                if not place.done():
                    place.set_exception(error)
            return
        for (_, place), result in zip(batch, results, strict=True):
            if not place.done():
                place.set_result(result)
