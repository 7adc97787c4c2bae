"""Takes the steps of a run until it has to wait, ends, or fails.

Called by the engine. Every kind of step has one branch in `_take`. A step that cannot be carried out
gives a `Fault` and fails the run; nothing raises. The number of steps at once is bounded by the check
(no loop without a wait), and here once more, for states that come from older scripts.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, assert_never

from shared.scripts.conversation import Conversation, Run
from shared.scripts.effects import Effect, Fault, Randomness, SendText
from shared.scripts.model import Script
from shared.scripts.steps import GotoStep, ReplyStep, SendStep, SetStep, Step, StopStep, WaitStep
from shared.scripts.templates import Groups, Text, TextFailure, TextRefused, compile_text

MAX_STEPS_AT_ONCE = 1000


class After(Enum):
    """What became of a run."""

    GOES_ON = auto()
    RESTS = auto()
    ENDED = auto()
    FAILED = auto()


@dataclass(slots=True)
class Turn:
    """One run being moved on: where it stands, the time, and the effects so far."""

    script: Script
    conversation: Conversation
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
            after = self._take(steps[self.run.step])
            if after is not After.GOES_ON:
                return after
        return self._failed(f"more than {MAX_STEPS_AT_ONCE} steps without a wait")

    def _take(self, step: Step) -> After:
        match step:
            case ReplyStep(reply=source):
                cue = self.run.cue
                return self._say(self.conversation.chat, source, cue.message_id if cue else None)
            case SendStep(send=speech):
                return self._say(speech.chat or self.conversation.chat, speech.text, None)
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
        self.conversation.variables |= changed
        self.run.step += 1
        return After.GOES_ON

    def _compiled(self, source: str) -> Text | TextFailure:
        text = compile_text(source)
        return TextFailure(text.message) if isinstance(text, TextRefused) else text

    def _names(self) -> dict[str, Any]:
        names: dict[str, Any] = self.script.variables | self.conversation.variables
        if self.run.cue is not None:
            cue = self.run.cue
            names |= {"sender": cue.sender, "text": cue.text, "match": Groups(cue.groups)}
        return names

    def _failed(self, message: str) -> After:
        self.effects.append(Fault(self.run.scene, self.run.step, message, self.conversation.chat))
        return After.FAILED
