"""What open pages are told, and the lines of messages per minute."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from services.console.clients.accounts import Summary
from services.console.clients.api import Away
from services.console.components.charts import bar, chart
from services.console.live.hub import ALL, MOST_KEYS, Hub, News
from services.console.live.rates import Rates
from services.console.live.topics import news_of
from services.console.live.window import KEPT, EventWindow
from shared.clock import VirtualClock
from shared.contracts.accounts import AccountReport, AccountStatus
from shared.contracts.fleet import AccountsChanged, NodeObserved, NodeStatus
from shared.contracts.heartbeats import NodeFacts


async def told(messages: AsyncIterator[str]) -> dict[str, list[str]]:
    """The next thing that a page is told."""
    async with asyncio.timeout(2):
        message: dict[str, list[str]] = json.loads(await anext(messages))
        return message


async def test_a_page_is_told_what_concerns_it() -> None:
    """A page of deployments that reads itself again for every message of an account is never quiet."""
    hub = Hub()
    with hub.reader(["accounts"]) as reader:
        messages = reader.messages()
        hub.tell(News("deployments", ("d",)), News("accounts", ("n/b",)))
        hub.tell(News("accounts", ("n/a",)))
        assert await told(messages) == {"accounts": ["n/a", "n/b"]}


async def test_a_storm_is_a_few_words() -> None:
    """Ten thousand changes would be ten thousand messages to every open page."""
    hub = Hub()
    with hub.reader(["accounts"]) as reader:
        for number in range(MOST_KEYS + 10):
            hub.tell(News("accounts", (f"n/{number}",)))
        [keys] = (await told(reader.messages())).values()
        assert keys[0] == ALL
        assert len(keys) < 20


async def test_after_a_gap_every_page_reads_everything() -> None:
    """What happened in the gap would stay hidden until the reader reloads."""
    hub = Hub()
    with hub.reader(["drift"]) as reader:
        hub.reset()
        assert await told(reader.messages()) == {"reset": [ALL]}


async def test_what_happens_before_a_page_listens_is_told_when_it_does() -> None:
    """A deployment that succeeds while its page is on its way would be shown as running until somebody reloads."""
    hub = Hub()
    hub.tell(News("nodes", ("a",)))
    since = hub.position
    with hub.reader(["deployments"], since) as reader:
        assert not reader._news
    hub.tell(News("accounts", ("a/1",)))
    with hub.reader(["deployments"], since) as reader:
        assert not reader._news, "what does not concern it is no reason to read it again"
    hub.tell(News("deployments", ("dep_1",)))
    with hub.reader(["deployments"], since) as reader:
        assert json.loads(await anext(aiter(reader.messages()))) == {"reset": ["*"]}
    with hub.reader(["deployments"], hub.position + 7) as reader:
        assert reader._news, "it was read from the console before this one"


async def test_a_page_that_was_closed_is_forgotten() -> None:
    """The console would gather news for every page that was ever open."""
    hub = Hub()
    with hub.reader(["accounts"]) as reader:
        hub.close()
        assert [message async for message in reader.messages()] == []
    hub.tell(News("accounts", ("n/a",)))
    assert not reader._news


def test_events_name_the_rows_that_they_are_about() -> None:
    """A row that no event names is only as new as the page's last reload."""
    clock = VirtualClock()
    report = AccountReport(account_id="a", status=AccountStatus.ONLINE)
    changed = AccountsChanged(node_id="n", accounts=[report], removed=["b"], at=clock.now())
    assert news_of(changed.TYPE, changed.model_dump_json()) == [News("accounts", ("n/a", "n/b"))]
    gone = NodeObserved(
        node_id="n", change="offline", status=NodeStatus.OFFLINE, boot=1, seq=1, node=NodeFacts(), at=clock.now()
    )
    assert news_of(gone.TYPE, gone.model_dump_json()) == [News("nodes", ("n",)), News("accounts", ("n/*",))]
    assert news_of("fleet.unheard-of.v9", "{}") == []
    assert news_of(gone.TYPE, "no JSON") == []


def test_the_window_keeps_the_newest() -> None:
    """A console that runs for a year would keep a year of events."""
    window = EventWindow(Hub(), VirtualClock())
    for number in range(KEPT + 5):
        window.add("fleet.node.v1", str(number))
    newest = window.newest(2, lambda event: int(event.data) % 2 == 1)
    assert [event.data for event in newest] == [str(KEPT + 3), str(KEPT + 1)]
    assert len(window.newest(10 * KEPT, lambda event: True)) == KEPT


class Totals:
    """What the registry counts; away while it is None."""

    def __init__(self) -> None:
        self.messages: int | None = 0
        self.online = 100

    async def __call__(self) -> Summary:
        if self.messages is None:
            raise Away("registry")
        accounts = {"online": self.online}
        return Summary(nodes={}, accounts=accounts, message_count=self.messages, reply_count=0)


async def test_rates_are_per_minute_and_a_gap_is_no_zero() -> None:
    """A registry that restarts would look like a fleet that fell silent, and a removed node like a negative rate."""
    clock, totals = VirtualClock(), Totals()
    rates = Rates(totals, Hub(), clock)
    for count in (0, 10, 5, None, 5):
        totals.messages = count
        await rates.sample()
        await clock.run_for(10)
    assert [rate.messages for rate in rates.rates] == [60, 15]
    totals.messages = 6
    await rates.sample()
    drawn = chart(rates.rates, clock.now())
    assert drawn is not None
    assert len(drawn.messages) == 2
    assert drawn.top == 60


async def test_what_a_node_brings_along_is_no_rate() -> None:
    """A node with a year behind it would be a peak that hides the rest of the half hour."""
    clock, totals = VirtualClock(), Totals()
    rates = Rates(totals, Hub(), clock)
    for online, messages in ((100, 0), (100, 10), (101, 20), (150, 2000), (150, 2010)):
        totals.online, totals.messages = online, messages
        await rates.sample()
        await clock.run_for(10)
    assert [rate.messages for rate in rates.rates] == [60, 60, 60]


def test_there_is_no_line_of_one_point() -> None:
    """A chart of nothing looks like a fleet that says nothing."""
    assert chart([], VirtualClock().now()) is None


@pytest.mark.parametrize(("failed", "width"), [(1, 1.0), (0, None), (500, 50.0)])
def test_a_single_failure_can_be_seen(failed: int, width: float | None) -> None:
    """One of a thousand would be thinner than a pixel."""
    parts = {part.tone: part.width for part in bar({"verified": 500, "failed": failed, "pending": 3}, 1000)}
    assert parts.get("bad") == width
    assert "quiet" not in parts
