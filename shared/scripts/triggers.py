"""The triggers of a scene, as models: what can begin it.

Each trigger is a mapping with one key that names it, as steps are. A new trigger is a new class here and
one branch in `matching` (for what happens in a chat) or in `timetable` (for what time does).
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from shared.scripts.durations import format_duration, parse_duration
from shared.scripts.patterns import MAX_PATTERN, PatternRefused, compile_pattern
from shared.scripts.steps import ChatName, Part, one_key_of, tagged

# A hint more often than that is noise in any chat; a week is longer than any node goes without a restart.
MIN_EVERY, MAX_EVERY = 10.0, 7 * 86_400.0
MAX_MATCH_TEXT = 256


def _pattern(source: str) -> str:
    outcome = compile_pattern(source)
    if isinstance(outcome, PatternRefused):
        raise ValueError(outcome.message)
    return source


def _interval(value: object) -> float:
    seconds = parse_duration(value)
    if not MIN_EVERY <= seconds <= MAX_EVERY:
        raise ValueError(f"every takes {format_duration(MIN_EVERY)} to {format_duration(MAX_EVERY)}")
    return seconds


class MessageMatch(Part):
    """Exactly one way to compare a message's text; letter case never matters."""

    text: str | None = Field(default=None, min_length=1, max_length=MAX_MATCH_TEXT)
    contains: str | None = Field(default=None, min_length=1, max_length=MAX_MATCH_TEXT)
    pattern: Annotated[str, AfterValidator(_pattern)] | None = Field(default=None, max_length=MAX_PATTERN)

    @model_validator(mode="after")
    def _exactly_one(self) -> "MessageMatch":
        if sum(each is not None for each in (self.text, self.contains, self.pattern)) != 1:
            raise ValueError("a message trigger has exactly one of text, contains and pattern")
        return self


class MessageTrigger(Part):
    """A message whose text is equal, contains a word, or matches a pattern."""

    message: MessageMatch


class CommandTrigger(Part):
    """A message that begins with a command such as `/price`; the rest of it is `match.args`."""

    command: str = Field(pattern=r"^/[A-Za-z0-9_]{1,32}$")


class Interval(Part):
    """How often, and in which listed chat; without one, in every listed chat that is not private."""

    interval: Annotated[float, BeforeValidator(_interval)]
    chat: ChatName | None = None


def _interval_only(value: Any) -> Any:
    return value if isinstance(value, dict) else {"interval": value}


class EveryTrigger(Part):
    """Time itself: the scene begins again and again, with no message to answer."""

    every: Annotated[Interval, BeforeValidator(_interval_only)]


TRIGGER_KINDS: dict[str, type[Part]] = {
    "message": MessageTrigger,
    "command": CommandTrigger,
    "every": EveryTrigger,
}

Trigger = Annotated[
    Annotated[MessageTrigger, tagged("message")]
    | Annotated[CommandTrigger, tagged("command")]
    | Annotated[EveryTrigger, tagged("every")],
    one_key_of(*TRIGGER_KINDS),
]
