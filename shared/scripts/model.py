"""A script as the models see it: the shape of the document, without what the pieces mean together.

Made by `parse_script` only, which adds the checks of `checks`: a `Script` made in another way may name
scenes and variables that do not exist. Immutable, so that one script can serve any number of engines.
"""

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from shared.scripts.almanac import canonical_zone
from shared.scripts.conditions import ChatCondition, Condition, CooldownCondition
from shared.scripts.dialogue import ScriptTest
from shared.scripts.modes import Mode, SceneMode
from shared.scripts.parts import ChatName, Name, Part, Value, VariableName, duration
from shared.scripts.steps import Step
from shared.scripts.triggers import Trigger

# An answer of yesterday helps nobody.
MAX_LATE = 86_400.0
_ZONE_SCHEMA = {
    "type": "string",
    "pattern": "^[A-Za-z][A-Za-z0-9_+/-]*$",
    "description": "An IANA time zone, for at, hours and days.",
    "examples": ["UTC", "Europe/Berlin", "Asia/Taipei"],
}


class Limits(Part):
    """The most messages in any minute, and how late one may come. Enforced by the agent, account by account.

    The defaults are calm for a chat with people in it. The caps stay below where Telegram begins to
    answer with waits: about 20 a minute in one group, 30 a second in all for a bot, far less for a person.
    `late` is in seconds: what could not be said by then is dropped; 0 drops at once what cannot be said now.
    """

    per_chat_per_minute: int = Field(default=10, ge=1, le=20, strict=True, description="Messages to one chat.")
    per_account_per_minute: int = Field(default=30, ge=1, le=60, strict=True, description="Messages and reactions.")
    late: Annotated[float, *duration("late", 0.0, MAX_LATE)] = Field(default=120.0, json_schema_extra={"default": "2m"})


class Scene(Part):
    """Triggers that begin it if its conditions hold, and steps that it takes.

    `mode` says what a second beginning in the same conversation does.
    """

    triggers: tuple[Trigger, ...] = Field(default=(), max_length=20, description="What begins the scene: any of these.")
    conditions: tuple[Condition, ...] = Field(
        default=(), max_length=20, description="What must hold when a trigger happens: all of these."
    )
    mode: SceneMode = Mode()
    steps: tuple[Step, ...] = Field(min_length=1, max_length=100, description="What the scene does, one by one.")

    @property
    def cooldown(self) -> float:
        """How long it does not begin again in a conversation, in seconds; 0 without such a condition."""
        return max((each.cooldown for each in self.conditions if isinstance(each, CooldownCondition)), default=0.0)

    @property
    def chat_conditions(self) -> tuple[ChatCondition, ...]:
        """The conditions that bind it to a chat."""
        return tuple(each for each in self.conditions if isinstance(each, ChatCondition))


class Script(Part):
    """A whole script. `chats` are canonical names: see `chats`."""

    id: Name = Field(description="The script's name.", examples=["welcome-desk"])
    title: str = Field(default="", max_length=200, description="A line for people.")
    chats: tuple[ChatName, ...] = Field(
        min_length=1,
        max_length=50,
        description="The chats that the script may speak in; it reads and answers nowhere else.",
    )
    timezone: Annotated[str, BeforeValidator(canonical_zone), WithJsonSchema(_ZONE_SCHEMA)] = "UTC"
    limits: Limits = Field(default=Limits(), description="The most that an account says in any minute.")
    variables: dict[VariableName, Value] = Field(
        default={}, max_length=50, description="What each conversation remembers for itself, with first values."
    )
    account_variables: dict[VariableName, Value] = Field(
        default={}, max_length=50, description="What all conversations of an account share, with first values."
    )
    scenes: dict[Name, Scene] = Field(min_length=1, max_length=100, description="What the account plays, by name.")
    tests: tuple[ScriptTest, ...] = Field(default=(), max_length=50, description="Dialogues that must pass.")

    @field_validator("chats")
    @classmethod
    def _each_once(cls, chats: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({chat for chat in chats if chats.count(chat) > 1})
        if twice:
            raise ValueError(f"listed twice: {', '.join(twice)}")
        return chats
