"""Hands what happens on to the open pages: which rows of which topic have changed, never the rows themselves.

A page that is told reads itself again, so what it shows is always what the API says now, in the reader's language and
with the reader's rights. News for a page are gathered while it reads: a storm of events is a few words for each page,
and no page can hold up another. After a gap every page is told to read everything (`reset`); so is one that was read
before the last news and listens only now.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

# So many rows are changed that a page may as well read all it shows.
MOST_KEYS = 500
# News that come close together are told together. The first of them waits for nothing.
GATHER_SECONDS = 0.15

RESET = "reset"
ALL = "*"


@dataclass(frozen=True, slots=True)
class News:
    """Rows of a topic that changed; `ALL` stands for any of them."""

    topic: str
    keys: tuple[str, ...]


class Reader:
    """An open page."""

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = frozenset(topics)
        self._news: defaultdict[str, set[str]] = defaultdict(set)
        self._something = asyncio.Event()
        self._ended = False

    def offer(self, news: Iterable[News]) -> None:
        """Tell it later, with whatever else there is by then."""
        for one in news:
            if one.topic in self._topics or one.topic == RESET:
                keys = self._news[one.topic]
                keys.update(one.keys)
                if len(keys) > MOST_KEYS:
                    self._news[one.topic] = {ALL}
                self._something.set()

    def end(self) -> None:
        """The console stops."""
        self._ended = True
        self._something.set()

    async def messages(self) -> AsyncIterator[str]:
        """What to tell the page, as JSON: `{"accounts": ["node-a/acc-1"]}`."""
        while True:
            await self._something.wait()
            if self._ended:
                return
            self._something.clear()
            told, self._news = self._news, defaultdict(set)
            yield json.dumps({topic: sorted(keys) for topic, keys in told.items()})
            await asyncio.sleep(GATHER_SECONDS)


class Hub:
    """All open pages. `position` counts what was told."""

    def __init__(self) -> None:
        self.position = 0
        self._readers: set[Reader] = set()
        self._last: dict[str, int] = {}

    @contextmanager
    def reader(self, topics: Sequence[str], since: int | None = None) -> Iterator[Reader]:
        """A page for as long as it is open; `since` is the position at which it was read."""
        reader = Reader(topics)
        if since is not None and self._has_missed(topics, since):
            reader.offer([News(RESET, (ALL,))])
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def tell(self, *news: News) -> None:
        """Something happened."""
        self.position += 1
        self._last |= {one.topic: self.position for one in news}
        for reader in self._readers:
            reader.offer(news)

    def reset(self) -> None:
        """Something may have been missed."""
        self.tell(News(RESET, (ALL,)))

    def _has_missed(self, topics: Sequence[str], since: int) -> bool:
        # A higher position is that of a console before this one.
        return since > self.position or any(self._last.get(topic, 0) > since for topic in (*topics, RESET))

    def close(self) -> None:
        """End every page's stream, so that the server need not wait for them."""
        for reader in self._readers:
            reader.end()
