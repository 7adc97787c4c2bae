"""Where each conversation stands, as plain data that survives a restart and a reload.

A conversation is one guest in one chat, or the chat itself for what time begins. Its runs are the scenes
being played in it; between two calls of the engine every run rests at a `wait`. `carried_over` decides
what of a state still has a place in a script. What older versions wrote stays readable: unknown fields
are ignored. All times are epoch seconds.
"""

from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from shared.scripts.chats import may_speak_in
from shared.scripts.model import Script
from shared.scripts.scalars import VariableValue

ConversationKey = tuple[str, int | None]


class _State(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class Cue(_State):
    """What began a run: somebody's message, or the service message that says who joined."""

    sender: str
    text: str
    message_id: int
    groups: dict[str, str]


class Run(_State):
    """One scene being played. `entry` is the scene whose trigger began it, `scene` where it is now.

    `step` is the index of the next step, to be taken at `wake_at`.
    """

    entry: str
    scene: str
    step: int = Field(default=0, ge=0)
    wake_at: float
    cue: Cue | None = None


class Queued(_State):
    """A beginning of `scene` that waits until the run before it is over (`mode: queued`)."""

    scene: str
    cue: Cue | None = None


class Conversation(_State):
    """One guest in one chat; `sender_id` is None for the chat itself. Variables hold only what was set.

    `began` says when a scene with a cooldown last began; `touched` rises with every change of any of the
    engine's conversations, so that the longest untouched are known after a restart too.
    """

    chat: str
    sender_id: int | None
    variables: dict[str, VariableValue] = {}
    runs: list[Run] = []
    queue: list[Queued] = []
    began: dict[str, float] = {}
    touched: int = 0

    @property
    def key(self) -> ConversationKey:
        """What tells conversations apart."""
        return self.chat, self.sender_id

    @property
    def worth_keeping(self) -> bool:
        """Whether forgetting it would change anything."""
        return bool(self.runs or self.queue or self.variables or self.began)


class AccountMemory(_State):
    """What all conversations share: the account's variables that were set, and when each timer is next due."""

    variables: dict[str, VariableValue] = {}
    timers: dict[str, float] = {}


class EngineState(_State):
    """Everything that an engine remembers; the order of the conversations does not matter."""

    conversations: list[Conversation] = []
    account: AccountMemory = AccountMemory()


@dataclass(frozen=True, slots=True)
class EngineChanges:
    """What differs from the last time that it was asked: copies, to be written down at leisure.

    A conversation that is None is forgotten. `account` is None when nothing of it has changed.
    """

    conversations: dict[ConversationKey, Conversation | None] = field(default_factory=dict)
    account: AccountMemory | None = None

    def __bool__(self) -> bool:
        return bool(self.conversations) or self.account is not None


def carried_over(state: EngineState, script: Script) -> EngineState:
    """A copy of the part of `state` that has a place in `script`.

    A run keeps its place where its scene still exists, and ends where not. A scene that became shorter
    ends its runs when they wake. A conversation ends where its chat is no longer listed.
    """
    kept = (_carried(old, script) for old in state.conversations if may_speak_in(script.chats, old.chat))
    account = AccountMemory(
        variables=_known(state.account.variables, script.account_variables), timers=dict(state.account.timers)
    )
    return EngineState(conversations=[each for each in kept if each.worth_keeping], account=account)


def _carried(old: Conversation, script: Script) -> Conversation:
    runs = [run.model_copy() for run in old.runs if run.scene in script.scenes]
    return Conversation(
        chat=old.chat,
        sender_id=old.sender_id,
        variables=_known(old.variables, script.variables),
        runs=runs,
        # A place in a queue is worth something only while the run that it waits for is there.
        queue=[each for each in old.queue if each.scene in {run.entry for run in runs} and _queues(script, each.scene)],
        began={name: at for name, at in old.began.items() if name in script.scenes and script.scenes[name].cooldown},
        touched=old.touched,
    )


def _known(values: dict[str, VariableValue], declared: dict[str, VariableValue]) -> dict[str, VariableValue]:
    return {name: value for name, value in values.items() if name in declared}


def _queues(script: Script, scene: str) -> bool:
    return scene in script.scenes and script.scenes[scene].mode.kind == "queued"
