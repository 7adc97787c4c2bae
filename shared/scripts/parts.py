"""What the models of the language are built from: the base of every piece, and the values that pieces share.

Each value says twice what it accepts: to pydantic, by a function that raises with words for the author,
and in JSON Schema, from which editors complete and check. A test holds the two together.
"""

from collections.abc import Callable
from datetime import time
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from shared.scripts.almanac import DAYS, TIME_OF_DAY, parse_day, parse_time_of_day
from shared.scripts.chats import canonical_chat
from shared.scripts.durations import SPELLING, format_duration, parse_duration
from shared.scripts.scalars import MAX_VARIABLE_TEXT, VariableValue, unfit_for_variable
from shared.scripts.templates import MAX_SOURCE, TextRefused, compile_text


class Part(BaseModel):
    """A piece of a script: nothing unknown is accepted, nothing changes after parsing."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def tagged(key: str) -> Tag:
    """The tag of a union's member. The brackets keep it apart from keys in an error's path."""
    return Tag(f"<{key}>")


def one_key_of(*keys: str) -> Discriminator:
    """Chooses a union's member by the one key of `keys` that the mapping has."""

    def choose(value: Any) -> str | None:
        present = [key for key in keys if (key in value if isinstance(value, dict) else hasattr(value, key))]
        return f"<{present[0]}>" if len(present) == 1 else None

    return Discriminator(choose)


class ShortFor:
    """A value that may also be written in a shorter way: `short` is that way's JSON Schema.

    `expand` makes the long way of it, and returns whatever else it gets as it is.
    """

    def __init__(self, expand: Callable[[Any], Any], short: JsonSchemaValue) -> None:
        self._expand = expand
        self._short = short

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        """The long way's schema, after the short way was made long."""
        schema: CoreSchema = BeforeValidator(self._expand).__get_pydantic_core_schema__(source, handler)
        return schema

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either way."""
        return {"anyOf": [self._short, handler(schema)]}


def duration(what: str, least: float, most: float) -> tuple[BeforeValidator, WithJsonSchema]:
    """A duration between two bounds; in the model it is seconds."""
    bounds = f"{format_duration(least)} to {format_duration(most)}"

    def seconds(value: object) -> float:
        parsed = parse_duration(value)
        if not least <= parsed <= most:
            raise ValueError(f"{what} takes {bounds}")
        return parsed

    return BeforeValidator(seconds), WithJsonSchema(duration_schema(bounds))


def duration_schema(bounds: str) -> JsonSchemaValue:
    """How editors see a duration."""
    return {
        "type": "string",
        "pattern": SPELLING,
        "description": f"A duration with its unit, {bounds}.",
        "examples": ["30s", "5m", "1h30m"],
    }


def _variable(value: object) -> object:
    if unfit := unfit_for_variable(value):
        raise ValueError(unfit)
    return value


def _expression(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError('expected an expression in quotes, such as "{{ visits > 3 }}"')
    if not isinstance(value, str):
        return value
    text = compile_text(value)
    if not isinstance(text, TextRefused) and text.expression is None:
        raise ValueError('expected one expression and nothing else, such as "{{ visits > 3 }}"')
    return value


_CHAT_SCHEMA: JsonSchemaValue = {
    "anyOf": [
        {"type": "string", "pattern": r"^(@[A-Za-z][A-Za-z0-9_]{3,31}|-?[1-9][0-9]{0,18}|private)$"},
        {"type": "integer"},
    ],
    "description": "@username, a numeric chat id, or private (any private chat).",
    "examples": ["@callboard_demo", "private"],
}
_DAY_SCHEMA: JsonSchemaValue = {"enum": list(DAYS), "description": "A day of the week."}
TIME_SCHEMA: JsonSchemaValue = {
    "type": "string",
    "pattern": f"^{TIME_OF_DAY.pattern}$",
    "description": "A time of day in the script's time zone.",
    "examples": ["09:00"],
}

ChatName = Annotated[str, BeforeValidator(canonical_chat), WithJsonSchema(_CHAT_SCHEMA)]
Day = Annotated[str, BeforeValidator(parse_day), WithJsonSchema(_DAY_SCHEMA)]
Days = Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)]
TimeOfDay = Annotated[time, BeforeValidator(parse_time_of_day), WithJsonSchema(TIME_SCHEMA)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
VariableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Value = Annotated[
    VariableValue,
    BeforeValidator(_variable),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "maxLength": MAX_VARIABLE_TEXT}, {"type": "number"}, {"type": "boolean"}],
            "description": "Text, a number, true or false.",
        }
    ),
]
TemplateText = Annotated[
    str, Field(max_length=MAX_SOURCE, description="A text; {{ … }} and {% if … %} are filled in when it is said.")
]
Expression = Annotated[
    str,
    Field(max_length=MAX_SOURCE, description="One {{ … }}: holds unless it is false, 0 or empty."),
    BeforeValidator(_expression),
]
Yes = Literal[True]
