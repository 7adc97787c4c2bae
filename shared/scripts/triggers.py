"""The triggers of a scene, as models: what can begin it.

Each trigger is a mapping with one key that names it, as steps are. A new trigger is a new class here and
one branch in `matching` (for what happens in a chat) or in `timetable` (for what time does).
"""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from shared.scripts.parts import (
    TIME_SCHEMA,
    ChatName,
    Days,
    Part,
    ShortFor,
    TimeOfDay,
    duration,
    duration_schema,
    one_key_of,
    tagged,
)
from shared.scripts.patterns import MAX_PATTERN, PatternRefused, compile_pattern

# A hint more often than that is noise in any chat; a week is longer than any node goes without a restart.
MIN_EVERY, MAX_EVERY = 10.0, 7 * 86_400.0
MAX_MATCH_TEXT = 256


def _pattern(source: str) -> str:
    outcome = compile_pattern(source)
    if isinstance(outcome, PatternRefused):
        raise ValueError(outcome.message)
    return source


class Wording(Part):
    """How to compare a message's text: in one way at most; without any, every message fits.

    Letter case never matters.
    """

    model_config = ConfigDict(json_schema_extra={"maxProperties": 1})

    text: str | None = Field(
        default=None, min_length=1, max_length=MAX_MATCH_TEXT, description="The whole message.", examples=["hello"]
    )
    contains: str | None = Field(
        default=None, min_length=1, max_length=MAX_MATCH_TEXT, description="A part of the message.", examples=["price"]
    )
    pattern: Annotated[str, AfterValidator(_pattern)] | None = Field(
        default=None,
        max_length=MAX_PATTERN,
        description="A regular expression (RE2), found anywhere in the message; its groups are in match.",
        examples=["order (?P<count>[0-9]+)"],
    )

    @property
    def ways(self) -> int:
        """How many ways are written."""
        return sum(each is not None for each in (self.text, self.contains, self.pattern))


class MessageMatch(Wording):
    """Exactly one way to compare a message's text; letter case never matters."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    @model_validator(mode="after")
    def _exactly_one(self) -> "MessageMatch":
        if self.ways != 1:
            raise ValueError("a message trigger has exactly one of text, contains and pattern")
        return self


class AnyOrMatch(Wording):
    """Every message, or one way to compare its text."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    @model_validator(mode="after")
    def _at_most_one(self) -> "AnyOrMatch":
        if self.ways > 1:
            raise ValueError("expected one of text, contains and pattern")
        return self


def _any(value: Any) -> Any:
    if value is True:
        return {}
    if value == {} or value is False:
        raise ValueError("expected true, or one of text, contains and pattern")
    return value


WhichOnes = Annotated[AnyOrMatch, ShortFor(_any, {"const": True, "description": "Every one of them."})]


class MessageTrigger(Part):
    """A message whose text is equal, contains a word, or matches a pattern."""

    message: MessageMatch


class CommandTrigger(Part):
    """A message that begins with a command such as `/price`; the rest of it is `match.args`."""

    command: str = Field(pattern=r"^/[A-Za-z0-9_]{1,32}$", examples=["/price"])


class MentionTrigger(Part):
    """A message that names the account: any, or one whose text, without `@names`, fits."""

    mention: WhichOnes


class ReplyTrigger(Part):
    """A reply to a message of the account: any, or one whose text fits."""

    reply: WhichOnes


class Arrival(Part):
    """In which listed chat; without one, in every listed chat that is not private."""

    chat: ChatName | None = None


def _anywhere(value: Any) -> Any:
    if value is True:
        return {}
    if value is False:
        raise ValueError("expected true, or {chat: …}")
    return value


class JoinedTrigger(Part):
    """Somebody joins a chat; `sender` is who."""

    joined: Annotated[Arrival, ShortFor(_anywhere, {"const": True, "description": "In every chat."})]


class Interval(Part):
    """How often, and in which listed chat; without one, in every listed chat that is not private."""

    interval: Annotated[float, *duration("every", MIN_EVERY, MAX_EVERY)]
    chat: ChatName | None = None


def _interval_only(value: Any) -> Any:
    return value if isinstance(value, dict) else {"interval": value}


class EveryTrigger(Part):
    """Time itself: the scene begins again and again, with no message to answer."""

    every: Annotated[Interval, ShortFor(_interval_only, duration_schema("10s to 7d"))]


class Appointment(Part):
    """A time of day, on which days (all), and in which listed chat (every one that is not private)."""

    time: TimeOfDay
    days: Days | None = None
    chat: ChatName | None = None


def _time_only(value: Any) -> Any:
    return value if isinstance(value, dict) else {"time": value}


class AtTrigger(Part):
    """A time of day in the script's time zone: the scene begins with no message to answer."""

    at: Annotated[Appointment, ShortFor(_time_only, TIME_SCHEMA)]


TRIGGER_KINDS: dict[str, type[Part]] = {
    "message": MessageTrigger,
    "command": CommandTrigger,
    "mention": MentionTrigger,
    "reply": ReplyTrigger,
    "joined": JoinedTrigger,
    "every": EveryTrigger,
    "at": AtTrigger,
}

Trigger = Annotated[
    Annotated[MessageTrigger, tagged("message")]
    | Annotated[CommandTrigger, tagged("command")]
    | Annotated[MentionTrigger, tagged("mention")]
    | Annotated[ReplyTrigger, tagged("reply")]
    | Annotated[JoinedTrigger, tagged("joined")]
    | Annotated[EveryTrigger, tagged("every")]
    | Annotated[AtTrigger, tagged("at")],
    one_key_of(*TRIGGER_KINDS),
]


def place_of(trigger: Trigger) -> Arrival | Interval | Appointment | None:
    """What says in which chat the trigger happens; None for messages, which come in all of them."""
    match trigger:
        case JoinedTrigger(joined=place):
            return place
        case EveryTrigger(every=interval):
            return interval
        case AtTrigger(at=appointment):
            return appointment
        case _:
            return None
