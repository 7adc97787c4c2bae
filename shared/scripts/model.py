"""A script as the models see it: the shape of the document, without what the pieces mean together.

Made by `parse_script` only, which adds the checks of `checks`: a `Script` made in another way may name
scenes and variables that do not exist. Immutable, so that one script can serve any number of engines.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from shared.scripts.dialogue import ScriptTest
from shared.scripts.steps import ChatName, Name, Part, Step, Value, VariableName
from shared.scripts.triggers import Trigger

MODES = ("single", "restart")
_LATER_MODES = ("queued", "parallel")


def _mode(value: object) -> object:
    word = next(iter(value), None) if isinstance(value, dict) else value
    if word in _LATER_MODES:
        raise ValueError(f"mode {word} is not available in this version; accepted: {', '.join(MODES)}")
    if word not in MODES:
        raise ValueError(f"expected one of the modes: {', '.join(MODES)}")
    return value


class Limits(Part):
    """The most messages in any minute. Enforced by the agent, for all of an account's scripts together.

    The defaults are calm for a chat with people in it. The caps stay below where Telegram begins to
    answer with waits: about 20 a minute in one group, 30 a second in all for a bot, far less for a person.
    """

    per_chat_per_minute: int = Field(default=10, ge=1, le=20, strict=True)
    per_account_per_minute: int = Field(default=30, ge=1, le=60, strict=True)


class Scene(Part):
    """Triggers that begin it and steps that it takes. `mode` says what a second beginning does."""

    triggers: tuple[Trigger, ...] = Field(default=(), max_length=20)
    mode: Annotated[Literal["single", "restart"], BeforeValidator(_mode)] = "single"
    steps: tuple[Step, ...] = Field(min_length=1, max_length=100)


class Script(Part):
    """A whole script. `chats` are canonical names: see `chats`."""

    id: Name
    title: str = Field(default="", max_length=200)
    chats: tuple[ChatName, ...] = Field(min_length=1, max_length=50)
    limits: Limits = Limits()
    variables: dict[VariableName, Value] = Field(default={}, max_length=50)
    scenes: dict[Name, Scene] = Field(min_length=1, max_length=100)
    tests: tuple[ScriptTest, ...] = Field(default=(), max_length=50)

    @field_validator("chats")
    @classmethod
    def _each_once(cls, chats: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({chat for chat in chats if chats.count(chat) > 1})
        if twice:
            raise ValueError(f"listed twice: {', '.join(twice)}")
        return chats
