"""What the one who tries a script has done, and the performance that came of it.

Owned by the chat. Keeps every deed, so that `saving` can make a test of them. A wait is bounded: by what anybody reads,
and by the longest time that a script may let pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services.cli.chat.performance import Course, Event, Kind, Performance
from shared.scripts import Conversation, Script
from shared.scripts.chats import PRIVATE
from shared.scripts.conversation import Run

# A day of a hint every two minutes; a second or two of computing.
MOST_WAKES = 1000
# How far the look ahead and an empty line go: whatever comes again comes within a week, and a wait is shorter.
FARTHEST = 8 * 86_400.0


@dataclass(frozen=True)
class Said:
    """A guest has said something."""

    text: str
    name: str
    chat: str
    mentions: bool = False
    replies: bool = False


@dataclass(frozen=True)
class Joined:
    """Somebody has joined a chat."""

    name: str
    chat: str


@dataclass(frozen=True)
class Waited:
    """Time has passed, in seconds."""

    seconds: float


Deed = Said | Joined | Waited


class Trial:
    """See the module's docstring. `clock` is the local time at which it begins."""

    def __init__(self, script: Script, clock: datetime) -> None:
        self.clock = clock
        self.deeds: list[Deed] = []
        self.seen: list[Event] = []
        self._named: dict[int, str] = {}
        self._performance = Performance(script, clock)
        self._rehearsal = self._performance.rehearsal

    @property
    def script(self) -> Script:
        """The version that plays now."""
        return self._performance.script

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return self._rehearsal.now

    @property
    def moment(self) -> float:
        """The script's time: epoch seconds."""
        return self._rehearsal.moment

    @property
    def said(self) -> list[str]:
        """What the account has done, in the words of a test."""
        return [event.text for event in self.seen if event.kind in (Kind.SPEAKS, Kind.REACTS)]

    def say(self, said: Said) -> Course:
        """A guest says something."""
        self._guest(said.name)
        message = self._rehearsal.guest(said.text, said.name, said.chat, mentions=said.mentions, replies=said.replies)
        return self._kept(said, self._performance.hear(message))

    def join(self, joined: Joined) -> Course:
        """Somebody joins a chat."""
        self._guest(joined.name)
        return self._kept(joined, self._performance.hear(self._rehearsal.newcomer(joined.name, joined.chat)))

    def wait(self, seconds: float) -> Course:
        """Let time pass."""
        began, course = self.now, Course()
        for _ in range(MOST_WAKES):
            step = self._performance.step(began + seconds)
            if step is None:
                break
            course += step
        else:
            course += Course(whole=False)
        return self._kept(Waited(self.now - began), course)

    def go_on(self) -> Course:
        """Let time pass until something is seen. When nothing is planned, no time passes."""
        began, course = self.now, Course()
        for _ in range(MOST_WAKES):
            wake = self._rehearsal.next_wake()
            if course.events or wake is None or wake > began + FARTHEST:
                break
            course += self._performance.step(wake) or Course()
        return self._kept(Waited(self.now - began), course) if self.now > began else course

    def coming(self, most: int) -> list[Event]:
        """What would be seen next if nobody did anything."""
        return self._performance.coming(most, self.now + FARTHEST)

    def reload(self, script: Script) -> tuple[list[str], Course]:
        """Go on with another version of the script: the scenes whose runs it ended, and what was seen."""
        return self._performance.reload(script)

    def address(self, chat: str, name: str) -> str:
        """Where a guest's messages go: a private chat is that guest's own."""
        return self._rehearsal.address(chat, self._guest(name))

    def in_words(self, address: str) -> str:
        """A chat as people know it."""
        kind, _, guest = address.partition(":")
        return f"the private chat of {self._named[int(guest)]}" if guest else kind

    def conversation(self, chat: str, name: str) -> Conversation | None:
        """What the account remembers of a guest."""
        return self._performance.conversations.get((self.address(chat, name), self._guest(name)))

    def playing(self) -> Iterator[tuple[str, Run]]:
        """Every run that rests, and whose it is."""
        for (chat, guest), conversation in self._performance.conversations.items():
            whose = f"{self._named[guest]} in " if guest is not None and not chat.startswith(PRIVATE) else ""
            for run in conversation.runs:
                yield f"{whose}{self.in_words(chat)}", run

    def account_variables(self) -> dict[str, object]:
        """What all conversations share, with the values that they have now."""
        return {**self.script.account_variables, **self._performance.account.variables}

    def has_spoken_in(self, address: str) -> bool:
        """Whether the account has said anything there that could be answered."""
        return any(event.kind is Kind.SPEAKS and event.chat == address for event in self.seen)

    def _guest(self, name: str) -> int:
        guest = self._rehearsal.guest_id(name)
        self._named[guest] = name
        return guest

    def _kept(self, deed: Deed, course: Course) -> Course:
        self.deeds.append(deed)
        self.seen += course.events
        return course
