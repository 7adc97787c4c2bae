"""The event stream: resumed by id, bounded for each reader."""

import json

import pytest

from services.registry.domain.event_log import EventLog, Unknown
from services.registry.use_cases.follow_events import DROPPED, MOST_WAITING, RESET, EventStream, Reader
from shared.contracts.fleet import AccountsChanged, NodeObserved, NodeStatus
from shared.contracts.heartbeats import NodeFacts
from tests.unit.registry.builders import AT

NODE = NodeObserved(node_id="n", change="online", status=NodeStatus.ONLINE, boot=1, seq=1, node=NodeFacts(), at=AT)
ACCOUNTS = AccountsChanged(node_id="n", at=AT)


def log_of(count: int, capacity: int = 5) -> EventLog:
    """A log after so many events."""
    log = EventLog("x", capacity)
    for number in range(count):
        log.append("t", str(number))
    return log


@pytest.mark.parametrize(("last", "missed"), [(7, []), (6, ["6"]), (2, ["2", "3", "4", "5", "6"])])
def test_a_reader_goes_on_after_the_last_event_it_saw(last: int, missed: list[str]) -> None:
    """A reader that reconnects would see an event twice or miss one."""
    events = log_of(7).after(f"x-{last}")
    assert not isinstance(events, Unknown)
    assert [event.data for event in events] == missed


@pytest.mark.parametrize("event_id", ["x-1", "x-8", "y-7", "x-", "x", "", "x-seven", "x--1", "x-²"])
def test_an_id_that_cannot_be_resumed_is_said_to_be_so(event_id: str) -> None:
    """A reader would believe that it has missed nothing."""
    assert isinstance(log_of(7).after(event_id), Unknown)


async def drain(reader: Reader) -> list[str]:
    """The types of the events that wait, the stream being ended."""
    return [event.type async for event in reader.events()]


async def test_a_reader_gets_what_it_missed_and_then_what_comes() -> None:
    """Live events would overtake the missed ones."""
    stream = EventStream(EventLog("x", 10))
    for _ in range(3):
        await stream.take(NODE)
    with stream.follow([], "x-1") as reader:
        await stream.take(ACCOUNTS)
        ids = [(await anext(events)).id for events in [reader.events()] for _ in range(3)]
    assert ids == ["x-2", "x-3", "x-4"]


async def test_only_the_types_that_were_asked_for_come() -> None:
    """A watcher of deployments would get every counter of the fleet."""
    stream = EventStream(EventLog("x", 10))
    with stream.follow(["fleet.accounts"], None) as reader:
        await stream.take(NODE)
        await stream.take(ACCOUNTS)
        event = await anext(reader.events())
    assert event.type == AccountsChanged.TYPE
    assert json.loads(event.data)["node_id"] == "n"


async def test_an_unknown_id_resets_the_reader() -> None:
    """After a restart of the registry a reader would wait for events that it will never see."""
    stream = EventStream(EventLog("x", 10))
    with stream.follow([], "old-5") as reader:
        assert (await anext(reader.events())).type == RESET


async def test_a_slow_reader_is_dropped_and_told_and_the_others_are_not() -> None:
    """One sleeping browser would fill the registry's memory or hold up everyone."""
    stream = EventStream(EventLog("x", 10))
    with stream.follow([], None) as slow, stream.follow(["fleet.accounts"], None) as other:
        for _ in range(MOST_WAITING + 1):
            await stream.take(NODE)
        await stream.take(ACCOUNTS)
        assert await drain(slow) == [DROPPED]
        assert not other.ended
        assert (await anext(other.events())).type == AccountsChanged.TYPE
