"""The lines of a script's own tests, as models: who says what, what passes, what is expected.

Read by `rehearsal`, which plays them in virtual time.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from shared.scripts.durations import format_duration, parse_duration
from shared.scripts.steps import MAX_WAIT, ChatName, Part, one_key_of, tagged

GUEST = "guest"


def _pause(value: object) -> float:
    seconds = parse_duration(value)
    if seconds > MAX_WAIT:
        raise ValueError(f"a wait may be {format_duration(MAX_WAIT)} at most")
    return seconds


class GuestLine(Part):
    """Somebody says something: under a name of their own, in one of the script's chats."""

    model_config = ConfigDict(serialize_by_alias=True)

    guest: str = Field(max_length=4096)
    name: str = Field(default=GUEST, alias="as", min_length=1, max_length=64)
    chat: ChatName | None = None


class WaitLine(Part):
    """Virtual time that passes, in seconds."""

    wait: Annotated[float, BeforeValidator(_pause)]


class ExpectLine(Part):
    """The next thing that the account has said, word for word."""

    expect: str = Field(min_length=1, max_length=4096)
    chat: ChatName | None = None


class SilenceLine(Part):
    """Nothing has been said that was not expected before."""

    expect_nothing: Literal[True]


LINE_KINDS: dict[str, type[Part]] = {
    "guest": GuestLine,
    "wait": WaitLine,
    "expect": ExpectLine,
    "expect_nothing": SilenceLine,
}

Line = Annotated[
    Annotated[GuestLine, tagged("guest")]
    | Annotated[WaitLine, tagged("wait")]
    | Annotated[ExpectLine, tagged("expect")]
    | Annotated[SilenceLine, tagged("expect_nothing")],
    one_key_of(*LINE_KINDS),
]


class ScriptTest(Part):
    """A short dialogue with a name."""

    name: str = Field(min_length=1, max_length=120)
    dialogue: tuple[Line, ...] = Field(min_length=1, max_length=200)
