"""The order in which an account says things, within its script's limits and Telegram's waits.

A limit of n a minute means that no sixty seconds ever see more than n messages: a sliding window, because a token
bucket would let twice as many through around a full bucket. Messages of one chat keep their order; a chat that must
wait does not hold up the others. What could not be said in time is dropped: an answer that comes minutes late
answers nothing. Pure; the account's runner asks `next` and reports what it did.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass

WINDOW = 60.0
# Later than this nobody remembers what was asked.
MOST_LATE = 120.0
# More than an account may say in MOST_LATE at the highest limit a script can have.
MOST_WAITING = 200
# Windows of chats that were silent this long are empty and can be forgotten.
MOST_CHATS = 500


@dataclass(frozen=True)
class Outgoing:
    """Something to say in a chat, wanted since `queued_at` (monotonic seconds)."""

    chat: str
    text: str
    reply_to: int | None
    queued_at: float


@dataclass(frozen=True)
class Ready:
    """Say this now."""

    outgoing: Outgoing


@dataclass(frozen=True)
class Later:
    """Nothing may be said before `at`."""

    at: float


@dataclass(frozen=True)
class Nothing:
    """There is nothing to say."""


class Window:
    """At most `most` events in any `WINDOW` seconds."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._times: deque[float] = deque()

    def free_at(self, now: float) -> float:
        """When the next event may happen; `now` or earlier means at once."""
        while self._times and self._times[0] <= now - WINDOW:
            self._times.popleft()
        if len(self._times) < self.most:
            return now
        return self._times[-self.most] + WINDOW

    def take(self, now: float) -> None:
        """An event happens."""
        self._times.append(now)


class SendQueue:
    """What one account has to say. All times are monotonic seconds."""

    def __init__(self, *, per_chat: int, per_account: int) -> None:
        self.dropped = 0
        self._waiting: deque[Outgoing] = deque()
        self._per_chat = per_chat
        self._account = Window(per_account)
        self._chats: OrderedDict[str, Window] = OrderedDict()
        self._held_until = 0.0
        self._chats_held: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def limit(self, *, per_chat: int, per_account: int) -> None:
        """Use these limits from now on; what was said already counts."""
        self._per_chat = per_chat
        self._account.most = per_account
        for window in self._chats.values():
            window.most = per_chat

    def put(self, outgoing: Outgoing) -> None:
        """Say this when its turn comes. When too much waits already, the oldest is dropped."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(outgoing)

    def put_back(self, outgoing: Outgoing) -> None:
        """It was not said: it keeps its place."""
        self._waiting.appendleft(outgoing)

    def hold(self, until: float) -> None:
        """Say nothing at all before `until`."""
        self._held_until = max(self._held_until, until)

    def hold_chat(self, chat: str, until: float) -> None:
        """Say nothing in this chat before `until`."""
        self._chats_held[chat] = max(self._chats_held.get(chat, 0.0), until)

    def clear(self) -> None:
        """Forget everything that waits."""
        self.dropped += len(self._waiting)
        self._waiting.clear()

    def next(self, now: float) -> Ready | Later | Nothing:
        """The first message whose turn has come; it leaves the queue and counts as said."""
        self._drop_late(now)
        if not self._waiting:
            return Nothing()
        everywhere = max(self._held_until, self._account.free_at(now))
        soonest: float | None = None
        seen: set[str] = set()
        for index, outgoing in enumerate(self._waiting):
            if outgoing.chat in seen:
                continue
            seen.add(outgoing.chat)
            at = max(everywhere, self._chats_held.get(outgoing.chat, 0.0), self._window(outgoing.chat).free_at(now))
            if at <= now:
                del self._waiting[index]
                self._account.take(now)
                self._window(outgoing.chat).take(now)
                return Ready(outgoing)
            soonest = at if soonest is None else min(soonest, at)
        assert soonest is not None
        return Later(soonest)

    def _drop_late(self, now: float) -> None:
        in_time = [each for each in self._waiting if each.queued_at >= now - MOST_LATE]
        self.dropped += len(self._waiting) - len(in_time)
        self._waiting = deque(in_time)
        self._chats_held = {chat: until for chat, until in self._chats_held.items() if until > now}

    def _window(self, chat: str) -> Window:
        window = self._chats.pop(chat, None) or Window(self._per_chat)
        self._chats[chat] = window
        while len(self._chats) > MOST_CHATS:
            self._chats.popitem(last=False)
        return window
