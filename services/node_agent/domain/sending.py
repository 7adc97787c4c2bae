"""The order in which an account says things, within its script's limits and Telegram's waits.

A limit of n a minute means that no sixty seconds ever see more than n messages: a sliding window, because a token
bucket would let twice as many through around a full bucket. What goes to one chat keeps its order; a chat that must
wait does not hold up the others. A reaction keeps its place in that order and counts for the account, not for the chat.

| something that waits                                   | what becomes of it                                   |
| ------------------------------------------------------ | ---------------------------------------------------- |
| its turn has come                                      | `Ready`, and stays here until it is said or dropped  |
| its turn comes before `limits.late` is over            | waits                                                |
| its turn comes later, or it is late already            | dropped                                              |
| asked of Telegram, and nobody knows what came of it    | its turn comes again, for `MOST_UNCERTAIN` seconds   |

Pure; `use_cases.unsaid` writes down what changes here. All times are monotonic seconds.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shared.contracts.accounts import AccountStatus
from shared.scripts import Limits, React, SendText, format_duration

WINDOW = 60.0
# A busy machine takes this long to say what may be said at once: that alone makes nothing late.
PROMPT = 5.0
# Telegram takes a random id only once, and says that it never forgets one (core.telegram.org/api/updates). That is
# trusted for as long as a crash and a restart take, and not for a day: silence is mended more easily than saying twice.
MOST_UNCERTAIN = 120.0
# More than an account may say in the default lateness at the highest limit that a script can have.
MOST_WAITING = 200
# Windows of chats that were silent this long are empty and can be forgotten.
MOST_CHATS = 500


@dataclass(frozen=True)
class Outgoing:
    """A text, or a reaction, that the account's script `script_id` wants in a chat since `queued_at`.

    `number` is its place among everything that the node's accounts say. `attempted_at` is when Telegram was first asked
    for it without saying no; `said_at` when it said yes.
    """

    number: int
    script_id: str
    effect: SendText | React
    random_id: int
    queued_at: float
    attempted_at: float | None = None
    said_at: float | None = None

    @property
    def chat(self) -> str:
        """Where."""
        return self.effect.chat


@dataclass(frozen=True)
class Silence:
    """Why an account says nothing at all before `until`. Neither a new connection nor a restart ends it."""

    until: float
    status: AccountStatus
    reason: str


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


@dataclass(frozen=True)
class Dropped:
    """Something that will not be said, and why."""

    outgoing: Outgoing
    reason: str


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
    """What one account has to say."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: dict[int, Outgoing] = {}
        self._dropped: list[Dropped] = []
        self._account = Window(limits.per_account_per_minute)
        self._chats: OrderedDict[str, Window] = OrderedDict()
        self._held_until = 0.0
        self._chats_held: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def limit(self, limits: Limits) -> None:
        """Use these limits from now on; what was said already counts."""
        self._limits = limits
        self._account.most = limits.per_account_per_minute
        for window in self._chats.values():
            window.most = limits.per_chat_per_minute

    def restore(self, kept: Iterable[Outgoing]) -> None:
        """Go on where another queue ended: `kept` is what waited there and what was said lately, in order."""
        for outgoing in kept:
            if outgoing.said_at is None:
                self._waiting[outgoing.number] = outgoing
            else:
                self._count(outgoing, outgoing.said_at)

    def put(self, outgoing: Outgoing) -> None:
        """Say this when its turn comes. When too much waits already, the oldest is dropped."""
        if len(self._waiting) >= MOST_WAITING:
            # Rather not one that Telegram is being asked for at this moment.
            oldest = min(self._waiting.values(), key=lambda each: (each.attempted_at is not None, each.number))
            self.drop(oldest, f"more than {MOST_WAITING} messages wait")
        self._waiting[outgoing.number] = outgoing

    def hold(self, until: float) -> None:
        """Say nothing at all before `until`."""
        self._held_until = max(self._held_until, until)

    def hold_chat(self, chat: str, until: float) -> None:
        """Say nothing in this chat before `until`."""
        self._chats_held[chat] = max(self._chats_held.get(chat, 0.0), until)

    def next(self, now: float) -> Ready | Later | Nothing:
        """The first thing whose turn has come."""
        self._chats_held = {chat: until for chat, until in self._chats_held.items() if until > now}
        soonest: float | None = None
        seen: set[str] = set()
        for outgoing in list(self._waiting.values()):
            if outgoing.chat in seen:
                continue
            at = self._turn(outgoing, now)
            if (reason := self._too_late(outgoing, at, now)) is not None:
                self.drop(outgoing, reason)
            elif at <= now:
                return Ready(outgoing)
            else:
                seen.add(outgoing.chat)
                soonest = at if soonest is None else min(soonest, at)
        return Nothing() if soonest is None else Later(soonest)

    def attempt(self, outgoing: Outgoing, now: float) -> Outgoing:
        """Telegram is asked now, which counts; what comes of it is not known."""
        self._count(outgoing, now)
        attempted = outgoing if outgoing.attempted_at is not None else replace(outgoing, attempted_at=now)
        self._waiting[outgoing.number] = attempted
        return attempted

    def put_back(self, outgoing: Outgoing) -> None:
        """Nothing came of the attempt: it waits as before. `outgoing` is what it was then; that it was asked counts."""
        self._waiting[outgoing.number] = outgoing

    def said(self, outgoing: Outgoing, now: float) -> Outgoing:
        """Telegram has said yes."""
        self._waiting.pop(outgoing.number, None)
        return replace(outgoing, said_at=now)

    def drop(self, outgoing: Outgoing, reason: str) -> None:
        """It will not be said."""
        self._waiting.pop(outgoing.number, None)
        self._dropped.append(Dropped(outgoing, reason))

    def take_dropped(self) -> list[Dropped]:
        """What was dropped since the last call."""
        dropped, self._dropped = self._dropped, []
        return dropped

    def _turn(self, outgoing: Outgoing, now: float) -> float:
        everywhere = max(self._held_until, self._account.free_at(now))
        if isinstance(outgoing.effect, React):
            return everywhere
        return max(everywhere, self._chats_held.get(outgoing.chat, 0.0), self._window(outgoing.chat).free_at(now))

    def _too_late(self, outgoing: Outgoing, at: float, now: float) -> str | None:
        late = self._limits.late
        attempted_at = outgoing.attempted_at if isinstance(outgoing.effect, SendText) else None
        if attempted_at is not None and max(at, now) > attempted_at + MOST_UNCERTAIN:
            return f"it may have been said or not, and after {MOST_UNCERTAIN:.0f} s it is not risked again"
        if now > outgoing.queued_at + max(late, PROMPT):
            return f"it is {now - outgoing.queued_at:.0f} s late, limits.late is {format_duration(late)}"
        if at > max(now, outgoing.queued_at + late):
            return f"its turn comes in {at - now:.0f} s, limits.late is {format_duration(late)}"
        return None

    def _count(self, outgoing: Outgoing, at: float) -> None:
        self._account.take(at)
        if isinstance(outgoing.effect, SendText):
            self._window(outgoing.chat).take(at)

    def _window(self, chat: str) -> Window:
        window = self._chats.pop(chat, None) or Window(self._limits.per_chat_per_minute)
        self._chats[chat] = window
        while len(self._chats) > MOST_CHATS:
            self._chats.popitem(last=False)
        return window
