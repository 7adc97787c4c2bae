"""Where each conversation stands, as plain data that survives a restart and a reload.

A conversation is one guest in one chat, or the chat itself for what time begins. Its runs are the scenes
being played in it; between two calls of the engine every run rests at a `wait`. `carried_over` decides
what of a state still has a place in a script. Snapshots of older versions stay readable: unknown fields
are ignored.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.scripts.chats import may_speak_in
from shared.scripts.model import Script
from shared.scripts.scalars import VariableValue

ConversationKey = tuple[str, int | None]


class _State(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class Cue(_State):
    """The message that began a run."""

    sender: str
    text: str
    message_id: int
    groups: dict[str, str]


class Run(_State):
    """One scene being played. `entry` is the scene whose trigger began it, `scene` where it is now.

    `step` is the index of the next step, to be taken at `wake_at` (seconds of the caller's clock).
    """

    entry: str
    scene: str
    step: int = Field(default=0, ge=0)
    wake_at: float
    cue: Cue | None = None


class Conversation(_State):
    """One guest in one chat; `sender_id` is None for the chat itself. Variables hold only what was set."""

    chat: str
    sender_id: int | None
    variables: dict[str, VariableValue] = {}
    runs: list[Run] = []

    @property
    def key(self) -> ConversationKey:
        """What tells conversations apart."""
        return self.chat, self.sender_id

    @property
    def worth_keeping(self) -> bool:
        """Whether forgetting it would change anything."""
        return bool(self.runs or self.variables)


class EngineState(_State):
    """Everything that an engine remembers. `timers` holds when each `every` is next due."""

    version: Literal[1] = 1
    conversations: list[Conversation] = []
    timers: dict[str, float] = {}


def carried_over(state: EngineState, script: Script) -> EngineState:
    """A copy of the part of `state` that has a place in `script`.

    A run keeps its place where its scene still exists, and ends where not. A scene that became shorter
    ends its runs when they wake. A conversation ends where its chat is no longer listed.
    """
    kept = []
    for old in state.conversations:
        if not may_speak_in(script.chats, old.chat):
            continue
        runs = [run.model_copy() for run in old.runs if run.scene in script.scenes]
        variables = {name: value for name, value in old.variables.items() if name in script.variables}
        conversation = Conversation(chat=old.chat, sender_id=old.sender_id, variables=variables, runs=runs)
        if conversation.worth_keeping:
            kept.append(conversation)
    return EngineState(conversations=kept, timers=dict(state.timers))
