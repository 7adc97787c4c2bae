"""The event stream over HTTP, from committed change to browser."""

import asyncio
from typing import Any

from tests.integration.registry.conftest import Node, Running, parse_events
from tests.support.waiting import until
from tests.unit.registry.builders import account, beat


class Watcher:
    """A reader of the event stream."""

    def __init__(self, registry: Running, **query: str) -> None:
        self._registry = registry
        self._query = query
        self._text = ""

    @property
    def events(self) -> list[dict[str, Any]]:
        """What came so far."""
        return parse_events(self._text)

    async def watch(self, last_id: str | None = None) -> None:
        """Read until cancelled."""
        headers = {"last-event-id": last_id} if last_id else {}
        stream = self._registry.api.stream("GET", "/api/v1/events", params=self._query, headers=headers, timeout=None)
        async with stream as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            async for piece in response.aiter_text():
                self._text += piece

    async def until_events(self, count: int) -> list[dict[str, Any]]:
        """The first events."""
        await until(lambda: len(self.events) >= count, f"{count} events, with {self._text!r}")
        return self.events[:count]

    async def until_connected(self) -> None:
        """Wait for the stream's first word."""
        await until(lambda: self._text, "the stream is open")


async def watch(registry: Running, last_id: str | None = None, **query: str) -> tuple[Watcher, "asyncio.Task[None]"]:
    """A connected watcher and its task."""
    watcher = Watcher(registry, **query)
    task = asyncio.create_task(watcher.watch(last_id))
    await watcher.until_connected()
    return watcher, task


async def test_changes_reach_the_reader_and_it_can_resume(registry: Running, node: Node) -> None:
    """A page would need a reload to show a change, and miss what happened while it was cut off."""
    watcher, task = await watch(registry)
    await node.bus.publish(beat(1, account("a")))
    first, *others = await watcher.until_events(3)
    assert {each["event"] for each in (first, *others)} == {
        "fleet.node.v1",
        "fleet.accounts-changed.v1",
        "fleet.assignment.v1",
    }
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    await node.bus.publish(beat(2, account("a", message_count=4), base=1, account_count=1))
    again, task = await watch(registry, last_id=first["id"])
    *missed, counted = await again.until_events(3)
    assert [each["id"] for each in missed] == [each["id"] for each in others]
    assert (counted["event"], counted["data"]["accounts"][0]["message_count"]) == ("fleet.accounts-counted.v1", 4)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_types_filter_and_a_foreign_id_resets(registry: Running, node: Node) -> None:
    """A watcher of accounts would get nodes, and one of an earlier registry would wait in vain."""
    watcher, task = await watch(registry, last_id="another-7", types="fleet.accounts,deploy.")
    await node.bus.publish(beat(1, account("a")))
    reset, event = await watcher.until_events(2)
    assert reset["event"] == "stream.reset"
    assert "read the state again" in reset["data"]["reason"]
    assert event["event"] == "fleet.accounts-changed.v1"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
