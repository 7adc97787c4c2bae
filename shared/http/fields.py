"""What request bodies are made of: stricter than JSON is by itself, and each refusal stands at its own field.

A field that is not known is refused with the nearest name that is. No text has a NUL, which PostgreSQL cannot keep, or
half a character. Points in time are text with an offset, within the years that every part of the system can hold.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from shared.http.wording import unknown_name

Item = TypeVar("Item")
Place = str | int | tuple[str | int, ...]

NUL = "has the character NUL (\\u0000), which no text may have: remove it"
SURROGATE = "has half of a surrogate pair, which is no character: send whole characters"
# Looking for the nearest name takes a moment for each; the answer shows twenty.
MOST_MISTAKES = 100


class Body(BaseModel):
    """The base of request bodies."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _strict(cls, given: Any) -> Any:
        if isinstance(given, dict):
            known = cls.model_fields
            _refuse((name, unknown_name("field", str(name), known)) for name in given if name not in known)
            _refuse((name, wrong) for name, value in given.items() if (wrong := _no_text(value)))
        return given


def known_names(model: type[BaseModel], parts: Mapping[str, type[BaseModel]]) -> BeforeValidator:
    """Refuses names that `model`, which is no Body, does not have, as a Body does; `parts` are models in its fields."""

    def check(given: Any) -> Any:
        if isinstance(given, dict):
            _refuse_unknown(model, given)
            for field, part in parts.items():
                inner = given.get(field)
                for place, each in enumerate(inner) if isinstance(inner, list) else [(None, inner)]:
                    if isinstance(each, dict):
                        _refuse_unknown(part, each, field, *([] if place is None else [place]))
        return given

    return BeforeValidator(check)


def _refuse_unknown(model: type[BaseModel], given: dict[Any, Any], *place: str | int) -> None:
    known = [field.alias or name for name, field in model.model_fields.items()]
    _refuse(((*place, str(name)), unknown_name("field", str(name), known)) for name in given if name not in known)


def _no_text(value: object) -> str:
    """Why a text cannot be kept; empty for what can, and for what is no text."""
    if not isinstance(value, str):
        return ""
    if "\0" in value:
        return NUL
    return "" if value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value) else SURROGATE


def _refuse(wrong: Iterable[tuple[Place, str]]) -> None:
    """Raise pydantic's own error, whose places are put behind the place of what is being read."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("told", "{message}", {"message": message}),
            loc=place if isinstance(place, tuple) else (place,),
            input=None,
        )
        for place, message in islice(wrong, MOST_MISTAKES)
    ]
    if details:
        raise ValidationError.from_exception_data("body", details)


def _each_once(items: list[Item]) -> list[Item]:
    first: dict[Any, int] = {}
    for place, item in enumerate(items):
        first.setdefault(item, place)
    _refuse(
        (place, f"names {item!r} again, as number {first[item]} of the list does: name it once")
        for place, item in enumerate(items)
        if first[item] != place
    )
    return items


def _text(given: object) -> object:
    if not isinstance(given, str | datetime):
        raise ValueError("must be text such as '2026-01-01T12:00:00Z'")
    return given


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be within the years 1 to 9999 in UTC") from None


EachOnce = AfterValidator(_each_once)
"""For lists: nothing is named twice."""

Moment = Annotated[AwareDatetime, BeforeValidator(_text), AfterValidator(_in_utc)]
"""A point in time, as text with an offset."""
