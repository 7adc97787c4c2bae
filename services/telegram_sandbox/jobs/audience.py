"""The talkative audience: guests who say something in a chat now and then, so that a demo has something to answer.

One job, off unless the settings (or the admin API) name a chat. It speaks through the same stage as everybody, at a
mean rate with jitter; a chat that does not exist yet is looked for again at the next turn.
"""

from dataclasses import dataclass
from typing import Protocol

import structlog

from services.telegram_sandbox.stage import Stage
from services.telegram_sandbox.world.models import Refusal, Room, User
from shared.clock import Clock
from shared.randomness import Randomness

log = structlog.get_logger()

LINES = (
    "hello",
    "/hours",
    "What is the price of a ticket?",
    "Is anybody here?",
    "Thank you!",
    "Good evening, everyone!",
    "你好",
    "營業時間",
    "請問門票的價格是多少？",
    "大家好",
    "謝謝！",
)
"""What guests say: greetings, questions and commands in the product's two languages."""

_NAMES = ("Ada", "Ben", "Chloe", "Dara", "Emil", "Fay", "Gil", "Hana", "Ivo", "June")
_IDLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Programme:
    """Where the audience speaks and how much; an empty `chat` means silence."""

    chat: str = ""
    guests: int = 3
    messages_per_minute: float = 12.0


class RoomFinder(Protocol):
    """Finds a chat by the name in the programme."""

    def find_room(self, name: str) -> Room:
        """Raises `Refusal` when there is none."""
        ...


class Audience:
    """See the module's docstring. `programme` may be replaced while it runs."""

    def __init__(self, stage: Stage, rooms: RoomFinder, clock: Clock, randomness: Randomness) -> None:
        self._stage, self._rooms, self._clock, self._randomness = stage, rooms, clock, randomness
        self.programme = Programme()

    async def run(self) -> None:
        """Speak until cancelled."""
        while True:
            await self._clock.sleep(self._pause())
            if self.programme.chat:
                self.speak()

    def speak(self) -> None:
        """One guest says one line."""
        try:
            room = self._rooms.find_room(self.programme.chat)
            guest = self._guest(room)
            self._stage.say(room, guest, self._randomness.choice(LINES))
        except Refusal as refusal:
            log.warning("audience_silent", chat=self.programme.chat, reason=str(refusal))

    def _pause(self) -> float:
        if not self.programme.chat:
            return _IDLE_SECONDS
        mean = 60.0 / self.programme.messages_per_minute
        return self._randomness.uniform(0.5 * mean, 1.5 * mean)

    def _guest(self, room: Room) -> User:
        """One of the guests, made and brought in when first needed."""
        number = self._randomness.choice(range(self.programme.guests))
        username = f"guest_{number + 1}"
        try:
            found = self._stage.world.named(username)
        except Refusal:
            name = _NAMES[number % len(_NAMES)]
            found = self._stage.add_user(name, username)
        if not isinstance(found, User):
            raise Refusal("USERNAME_OCCUPIED")
        self._stage.join(room, [found])
        return found
