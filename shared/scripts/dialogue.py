"""The lines of a script's own tests, as models: who does what, what passes, what is expected.

Read by `rehearsal`, which plays them in virtual time.
"""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from shared.scripts.almanac import MOMENT, parse_moment
from shared.scripts.parts import ChatName, Part, Yes, duration, one_key_of, tagged
from shared.scripts.reactions import canonical_reaction, reaction_schema
from shared.scripts.steps import MAX_WAIT

GUEST = "guest"
_CLOCK_SCHEMA = {
    "type": "string",
    "pattern": f"^{MOMENT.pattern}$",
    "description": "When the dialogue begins, in the script's time zone.",
    "examples": ["2026-03-02 08:59"],
}

GuestName = Annotated[str, Field(min_length=1, max_length=64)]


def _nobody(value: object) -> object:
    if value is True:
        raise ValueError("expected a guest's name, or false for nobody")
    return "" if value is False else value


# Whom something answers: a guest's name, or empty for nobody, which is written `false`.
Addressee = Annotated[
    str,
    Field(max_length=64),
    BeforeValidator(_nobody),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "minLength": 1, "maxLength": 64}, {"const": False}],
            "description": "The guest whose message is answered; false when none is.",
        }
    ),
]


class GuestLine(Part):
    """Somebody says something: under a name of their own, in one of the script's chats.

    `mentions`: the message names the account. `replies`: it is a reply to a message of the account.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    guest: str = Field(max_length=4096)
    name: GuestName = Field(default=GUEST, alias="as")
    chat: ChatName | None = None
    mentions: bool = Field(default=False, strict=True)
    replies: bool = Field(default=False, strict=True)


class JoinsLine(Part):
    """Somebody joins one of the script's chats."""

    joins: GuestName
    chat: ChatName | None = None


class WaitLine(Part):
    """Virtual time that passes, in seconds."""

    wait: Annotated[float, *duration("wait", 0.0, MAX_WAIT)]


class ExpectLine(Part):
    """The next thing that the account has done is to say this, word for word."""

    expect: str = Field(min_length=1, max_length=4096)
    chat: ChatName | None = None
    to: Addressee | None = None


class ExpectReactionLine(Part):
    """The next thing that the account has done is to put this emoji under a message."""

    expect_reaction: Annotated[str, BeforeValidator(canonical_reaction), WithJsonSchema(reaction_schema())]
    chat: ChatName | None = None
    to: GuestName | None = None


class SilenceLine(Part):
    """Nothing has been done that was not expected before."""

    expect_nothing: Yes


LINE_KINDS: dict[str, type[Part]] = {
    "guest": GuestLine,
    "joins": JoinsLine,
    "wait": WaitLine,
    "expect": ExpectLine,
    "expect_reaction": ExpectReactionLine,
    "expect_nothing": SilenceLine,
}

Line = Annotated[
    Annotated[GuestLine, tagged("guest")]
    | Annotated[JoinsLine, tagged("joins")]
    | Annotated[WaitLine, tagged("wait")]
    | Annotated[ExpectLine, tagged("expect")]
    | Annotated[ExpectReactionLine, tagged("expect_reaction")]
    | Annotated[SilenceLine, tagged("expect_nothing")],
    one_key_of(*LINE_KINDS),
]


class ScriptTest(Part):
    """A short dialogue with a name. `clock` is when it begins; `seed` turns the dice another way."""

    name: str = Field(min_length=1, max_length=120)
    clock: Annotated[datetime, BeforeValidator(parse_moment), WithJsonSchema(_CLOCK_SCHEMA)] | None = None
    seed: int | None = Field(default=None, ge=0, le=1_000_000, strict=True)
    dialogue: tuple[Line, ...] = Field(min_length=1, max_length=200)
