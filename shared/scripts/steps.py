"""The steps of a scene, as models: what each is called and what it may hold.

Each step is a mapping with one key that names it, so a new step is a new class in `Step`, one in
`Alternative`, and one branch each in `play` and `flow`. The key chooses the class, so that errors speak of
that step only. Beside its key every step may have `when`.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from shared.scripts.durations import format_duration, parse_duration
from shared.scripts.parts import (
    ChatName,
    Expression,
    Name,
    Part,
    ShortFor,
    TemplateText,
    Value,
    VariableName,
    Yes,
    duration_schema,
    one_key_of,
    tagged,
)
from shared.scripts.reactions import canonical_reaction, reaction_schema
from shared.scripts.templates import MAX_SOURCE

MAX_WAIT = 86_400.0
MAX_ALTERNATIVES = 20
MAX_WEIGHT = 100


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


_DURATION = duration_schema("0s to 1d")
_WAIT_SCHEMA = {
    "anyOf": [_DURATION, {"type": "array", "items": _DURATION, "minItems": 2, "maxItems": 2}],
    "description": "How long, or the shortest and the longest wait: [1s, 3s].",
}
_TEXT_SCHEMA = {"type": "string", "maxLength": MAX_SOURCE, "description": "What to say in the conversation's chat."}
_STOP_SCHEMA = {"const": "stop", "description": "Ends the run here."}


class StepPart(Part):
    """What every step may have."""

    when: Expression | None = Field(default=None, description="The step is left out when this does not hold.")


class ReplyStep(StepPart):
    """Answers the message that began the conversation's run."""

    reply: TemplateText


class Speech(Part):
    """A text, and the listed chat to say it in; without one, the conversation's own."""

    text: TemplateText
    chat: ChatName | None = None


def _text_only(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class SendStep(StepPart):
    """Says something in a chat, not as an answer."""

    send: Annotated[Speech, ShortFor(_text_only, _TEXT_SCHEMA)]


class ReactStep(StepPart):
    """Puts an emoji under the message that began the run."""

    react: Annotated[str, BeforeValidator(canonical_reaction), WithJsonSchema(reaction_schema())]


class WaitStep(StepPart):
    """Seconds to wait: between the shortest and the longest, chosen by the engine's randomness."""

    wait: Annotated[tuple[float, float], BeforeValidator(_wait_range), WithJsonSchema(_WAIT_SCHEMA)]


class GotoStep(StepPart):
    """Goes on at the first step of another scene."""

    goto: Name


class SetStep(StepPart):
    """Gives variables of the conversation or the account new values; texts are templates."""

    set: dict[VariableName, Value] = Field(min_length=1, max_length=20)


class StopStep(StepPart):
    """Ends the run here."""

    stop: Yes


class Weighted(Part):
    """One of the alternatives of a `choose`: twice the weight is taken twice as often."""

    weight: int = Field(default=1, ge=1, le=MAX_WEIGHT, strict=True)


class ReplyAlternative(Weighted, ReplyStep):
    """A `reply` to choose."""


class SendAlternative(Weighted, SendStep):
    """A `send` to choose."""


class ReactAlternative(Weighted, ReactStep):
    """A `react` to choose."""


class WaitAlternative(Weighted, WaitStep):
    """A `wait` to choose."""


class GotoAlternative(Weighted, GotoStep):
    """A `goto` to choose."""


class SetAlternative(Weighted, SetStep):
    """A `set` to choose."""


class StopAlternative(Weighted, StopStep):
    """A `stop` to choose."""


ALTERNATIVE_KINDS: dict[str, type[StepPart]] = {
    "reply": ReplyAlternative,
    "send": SendAlternative,
    "react": ReactAlternative,
    "wait": WaitAlternative,
    "goto": GotoAlternative,
    "set": SetAlternative,
    "stop": StopAlternative,
}


def _bare_stop(value: Any) -> Any:
    return {"stop": True} if value == "stop" else value


Alternative = Annotated[
    Annotated[ReplyAlternative, tagged("reply")]
    | Annotated[SendAlternative, tagged("send")]
    | Annotated[ReactAlternative, tagged("react")]
    | Annotated[WaitAlternative, tagged("wait")]
    | Annotated[GotoAlternative, tagged("goto")]
    | Annotated[SetAlternative, tagged("set")]
    | Annotated[StopAlternative, tagged("stop")],
    one_key_of(*ALTERNATIVE_KINDS),
    ShortFor(_bare_stop, _STOP_SCHEMA),
]


class ChooseStep(StepPart):
    """Takes one of the alternatives whose `when` holds, by the engine's randomness; none, if none holds."""

    choose: tuple[Alternative, ...] = Field(min_length=2, max_length=MAX_ALTERNATIVES)


STEP_KINDS: dict[str, type[StepPart]] = {
    "reply": ReplyStep,
    "send": SendStep,
    "react": ReactStep,
    "wait": WaitStep,
    "goto": GotoStep,
    "set": SetStep,
    "choose": ChooseStep,
    "stop": StopStep,
}

# What one can do at once: a step that is no choice, or what a choice has taken.
SimpleStep = ReplyStep | SendStep | ReactStep | WaitStep | GotoStep | SetStep | StopStep
Step = Annotated[
    Annotated[ReplyStep, tagged("reply")]
    | Annotated[SendStep, tagged("send")]
    | Annotated[ReactStep, tagged("react")]
    | Annotated[WaitStep, tagged("wait")]
    | Annotated[GotoStep, tagged("goto")]
    | Annotated[SetStep, tagged("set")]
    | Annotated[ChooseStep, tagged("choose")]
    | Annotated[StopStep, tagged("stop")],
    one_key_of(*STEP_KINDS),
    # A bare `- stop` is how people write it.
    ShortFor(_bare_stop, _STOP_SCHEMA),
]


def options_of(step: Step) -> tuple[SimpleStep, ...]:
    """What a step can turn out to be: its alternatives, or itself alone."""
    return step.choose if isinstance(step, ChooseStep) else (step,)
