"""The steps of a scene, as models: what each is called and what it may hold.

Each step is a mapping with one key that names it, so a new step is a new class in `Step` and one branch
in `play`. The key chooses the class, so that errors speak of that step only. Conditions will be fields
beside the key.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from shared.scripts.chats import canonical_chat
from shared.scripts.durations import format_duration, parse_duration
from shared.scripts.scalars import VariableValue, unfit_for_variable
from shared.scripts.templates import MAX_SOURCE

MAX_WAIT = 86_400.0


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


def _variable(value: object) -> object:
    if unfit := unfit_for_variable(value):
        raise ValueError(unfit)
    return value


def _wait_range(value: object) -> tuple[float, float]:
    ends = value if isinstance(value, list) else [value, value]
    if len(ends) != 2:
        raise ValueError("expected a duration such as 3s, or the shortest and the longest: [1s, 3s]")
    shortest, longest = parse_duration(ends[0]), parse_duration(ends[1])
    if shortest > longest:
        raise ValueError("the shortest wait comes first: " + _range_words(longest, shortest))
    if longest > MAX_WAIT:
        raise ValueError(f"a wait may be {format_duration(MAX_WAIT)} at most")
    return shortest, longest


def _range_words(shortest: float, longest: float) -> str:
    return f"[{format_duration(shortest)}, {format_duration(longest)}]"


ChatName = Annotated[str, BeforeValidator(canonical_chat)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
VariableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Value = Annotated[VariableValue, BeforeValidator(_variable)]
TemplateText = Annotated[str, Field(max_length=MAX_SOURCE)]


class ReplyStep(Part):
    """Answers the message that began the conversation's run."""

    reply: TemplateText


class Speech(Part):
    """A text, and the listed chat to say it in; without one, the conversation's own."""

    text: TemplateText
    chat: ChatName | None = None


class SendStep(Part):
    """Says something in a chat, not as an answer."""

    send: Annotated[Speech, BeforeValidator(lambda value: {"text": value} if isinstance(value, str) else value)]


class WaitStep(Part):
    """Seconds to wait: between the shortest and the longest, chosen by the engine's randomness."""

    wait: Annotated[tuple[float, float], BeforeValidator(_wait_range)]


class GotoStep(Part):
    """Goes on at the first step of another scene."""

    goto: Name


class SetStep(Part):
    """Gives variables of the conversation new values; texts are templates."""

    set: dict[VariableName, Value] = Field(min_length=1, max_length=20)


class StopStep(Part):
    """Ends the run here."""

    stop: Literal[True]


STEP_KINDS: dict[str, type[Part]] = {
    "reply": ReplyStep,
    "send": SendStep,
    "wait": WaitStep,
    "goto": GotoStep,
    "set": SetStep,
    "stop": StopStep,
}

Step = Annotated[
    Annotated[ReplyStep, tagged("reply")]
    | Annotated[SendStep, tagged("send")]
    | Annotated[WaitStep, tagged("wait")]
    | Annotated[GotoStep, tagged("goto")]
    | Annotated[SetStep, tagged("set")]
    | Annotated[StopStep, tagged("stop")],
    one_key_of(*STEP_KINDS),
    # A bare `- stop` is how people write it.
    BeforeValidator(lambda value: {"stop": True} if value == "stop" else value),
]
