"""Takes the steps of a run until it has to wait, ends, or fails.

Called by the engine. Every kind of step has one branch in `_take`. A step that cannot be carried out
gives a `Fault` and fails the run; nothing raises. The number of steps at once is bounded by the check
(no loop without a wait), and here once more, for states that come from older scripts.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, assert_never

from shared.scripts.conversation import Conversation, Cue, Run
from shared.scripts.effects import Effect, Fault, Randomness, React, SendText
from shared.scripts.model import Script
from shared.scripts.scalars import VariableValue
from shared.scripts.source import MAX_NODES
from shared.scripts.steps import (
    ChooseStep,
    GotoStep,
    ReactStep,
    ReplyStep,
    SendStep,
    SetStep,
    SimpleStep,
    Step,
    StopStep,
    WaitStep,
    options_of,
)
from shared.scripts.templates import Groups, Text, TextFailure, TextRefused, compile_text, holds

# No script has more steps than that, and a way without a wait passes each of them once.
MAX_STEPS_AT_ONCE = MAX_NODES


class After(Enum):
    """What became of a run."""

    GOES_ON = auto()
    RESTS = auto()
    ENDED = auto()
    FAILED = auto()


def known_names(
    script: Script, variables: dict[str, VariableValue], account: dict[str, VariableValue], cue: Cue | None
) -> dict[str, Any]:
    """What texts know: the variables with the values they were set to, and what began the run."""
    names: dict[str, Any] = script.variables | script.account_variables | variables | account
    if cue is not None:
        names |= {"sender": cue.sender, "text": cue.text, "match": Groups(cue.groups)}
    return names


@dataclass(slots=True)
class Turn:
    """One run being moved on: where it stands, the time, and the effects so far.

    `account` holds the account's variables that were set; a `set` of one of them changes it.
    """

    script: Script
    conversation: Conversation
    account: dict[str, VariableValue]
    run: Run
    now: float
    randomness: Randomness
    effects: list[Effect] = field(default_factory=list)

    def play(self) -> After:
        """Take steps until the run no longer goes on; `effects` then holds what they had to say."""
        for _ in range(MAX_STEPS_AT_ONCE):
            steps = self.script.scenes[self.run.scene].steps
            if self.run.step >= len(steps):
                return After.ENDED
            step = self._taken(steps[self.run.step])
            if isinstance(step, TextFailure):
                return self._failed(step.message)
            if step is None:
                self.run.step += 1
                continue
            after = self._take(step)
            if after is not After.GOES_ON:
                return after
        return self._failed(f"more than {MAX_STEPS_AT_ONCE} steps without a wait")

    def _taken(self, step: Step) -> SimpleStep | TextFailure | None:
        """The step itself or the alternative that is taken; None when it is left out."""
        if step.when is None and not isinstance(step, ChooseStep):
            return step
        applying: list[SimpleStep] = []
        for option in options_of(step):
            applies = self._applies(step.when, option.when)
            if isinstance(applies, TextFailure):
                return applies
            if applies:
                applying.append(option)
        return self._one_of(applying) if applying else None

    def _applies(self, *conditions: str | None) -> bool | TextFailure:
        for condition in conditions:
            if condition is not None:
                outcome = holds(condition, self._names())
                if outcome is not True:
                    return outcome
        return True

    def _one_of(self, options: list[SimpleStep]) -> SimpleStep:
        """By weight; without dice where there is nothing to choose."""
        if len(options) == 1:
            return options[0]
        weights = [getattr(option, "weight", 1) for option in options]
        point = self.randomness.uniform(0.0, float(sum(weights)))
        for option, weight in zip(options, weights, strict=True):
            if point < weight:
                return option
            point -= weight
        return options[-1]

    def _take(self, step: SimpleStep) -> After:
        match step:
            case ReplyStep(reply=source):
                cue = self.run.cue
                return self._say(self.conversation.chat, source, cue.message_id if cue else None)
            case SendStep(send=speech):
                return self._say(speech.chat or self.conversation.chat, speech.text, None)
            case ReactStep(react=emoji):
                if self.run.cue is not None:
                    self.effects.append(React(self.conversation.chat, self.run.cue.message_id, emoji))
                self.run.step += 1
                return After.GOES_ON
            case SetStep(set=values):
                return self._set(values)
            case WaitStep(wait=(shortest, longest)):
                self.run.step += 1
                self.run.wake_at = self.now + self.randomness.uniform(shortest, longest)
                return After.RESTS
            case GotoStep(goto=scene):
                self.run.scene, self.run.step = scene, 0
                return After.GOES_ON
            case StopStep():
                return After.ENDED
            case _:
                assert_never(step)

    def _say(self, chat: str, source: str, reply_to: int | None) -> After:
        text = self._compiled(source)
        rendered = text.render(self._names()) if isinstance(text, Text) else text
        if isinstance(rendered, TextFailure):
            return self._failed(rendered.message)
        if rendered:
            self.effects.append(SendText(chat, rendered, reply_to))
        self.run.step += 1
        return After.GOES_ON

    def _set(self, values: dict[str, Any]) -> After:
        """All the new values see the old ones, so their order does not matter."""
        names = self._names()
        changed = {}
        for name, value in values.items():
            if isinstance(value, str):
                text = self._compiled(value)
                value = text.evaluate(names) if isinstance(text, Text) else text
                if isinstance(value, TextFailure):
                    return self._failed(value.message)
            changed[name] = value
        for name, value in changed.items():
            owner = self.account if name in self.script.account_variables else self.conversation.variables
            owner[name] = value
        self.run.step += 1
        return After.GOES_ON

    def _compiled(self, source: str) -> Text | TextFailure:
        text = compile_text(source)
        return TextFailure(text.message) if isinstance(text, TextRefused) else text

    def _names(self) -> dict[str, Any]:
        return known_names(self.script, self.conversation.variables, self.account, self.run.cue)

    def _failed(self, message: str) -> After:
        self.effects.append(Fault(self.run.scene, self.run.step, message, self.conversation.chat))
        return After.FAILED
