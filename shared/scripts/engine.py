"""The interpreter of one script for one account: messages and time in, effects out.

Pure: no clock, no dice, no input or output of its own. `now` is seconds of any clock that does not jump;
snapshots that outlive the machine's boot need epoch seconds. The agent calls `on_message` for what others
wrote and `on_time` when `next_wake` has come, and carries out the effects in order. It owns the limits:
the engine says what the script wants said. Nothing here raises for any message, time or snapshot.

A run is begun by a trigger, rests at each `wait`, and ends at `stop`, the last step, a fault, or a reload
that leaves it without a scene:  trigger → plays ⇄ rests → ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import ValidationError

from shared.scripts.chats import may_speak_in
from shared.scripts.conversation import Conversation, ConversationKey, Cue, EngineState, Run, carried_over
from shared.scripts.effects import Effect, Fault, Incoming, Randomness
from shared.scripts.matching import NotMatched, match_message
from shared.scripts.model import Script
from shared.scripts.play import After, Turn
from shared.scripts.timetable import Timetable

# About a kilobyte each while resting, so a flood of strangers costs an account a megabyte, not the node.
MAX_CONVERSATIONS = 1000
_MAX_TEXT = 4096
_MAX_SENDER = 128


@dataclass(frozen=True, slots=True)
class SnapshotRefused:
    """Why a snapshot cannot be read; the caller starts with a new engine and says so."""

    reason: str


class Engine:
    """Plays `script`. `max_conversations` bounds what is remembered: the longest idle go first."""

    def __init__(self, script: Script, randomness: Randomness, *, max_conversations: int = MAX_CONVERSATIONS) -> None:
        self._script = script
        self._randomness = randomness
        self._most = max_conversations
        self._timetable = Timetable(script, {})
        # In the order in which they were last touched.
        self._conversations: dict[ConversationKey, Conversation] = {}

    @classmethod
    def restored(
        cls,
        script: Script,
        snapshot: Mapping[str, Any],
        randomness: Randomness,
        *,
        max_conversations: int = MAX_CONVERSATIONS,
    ) -> Self | SnapshotRefused:
        """An engine that goes on where `snapshot` stood, as far as `script` still has the places."""
        try:
            state = EngineState.model_validate(snapshot)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            return SnapshotRefused(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        engine = cls(script, randomness, max_conversations=max_conversations)
        engine._adopt(carried_over(state, script))
        return engine

    def reloaded(self, script: Script) -> "Engine":
        """An engine for another version of the script; conversations keep their place where it exists."""
        engine = Engine(script, self._randomness, max_conversations=self._most)
        engine._adopt(carried_over(self._state(), script))
        return engine

    def snapshot(self) -> dict[str, Any]:
        """Everything the engine remembers, as JSON data for `restored`."""
        return self._state().model_dump(mode="json")

    def on_message(self, message: Incoming, now: float) -> list[Effect]:
        """Begin the scene that answers `message`, if one does, and play it until it rests or ends."""
        self._timetable.start(now)
        if not may_speak_in(self._script.chats, message.chat):
            return []
        text = _clean(message.text, _MAX_TEXT)
        found = match_message(self._script, text)
        if isinstance(found, NotMatched):
            return []
        sender = _clean(message.sender, _MAX_SENDER)
        cue = Cue(sender=sender, text=text, message_id=message.message_id, groups=found.groups)
        return self._begin((message.chat, message.sender_id), found.scene, cue, now)

    def on_time(self, now: float) -> list[Effect]:
        """Move on every run and begin every timed scene that is due, in the order they were due."""
        self._timetable.start(now)
        effects: list[Effect] = []
        resting = [(run.wake_at, each.key, run) for each in self._conversations.values() for run in each.runs]
        waking = [(at, key, run) for at, key, run in resting if at <= now]
        timed = self._timetable.take_due(now)
        moves: list[tuple[float, ConversationKey, Run | str]] = [
            *waking,
            *((due, (timer.chat, None), timer.scene) for due, timer in timed),
        ]
        for _, key, what in sorted(moves, key=lambda move: move[0]):
            if isinstance(what, str):
                effects += self._begin(key, what, None, now)
            else:
                effects += self._move(key, what, now)
        return effects

    def next_wake(self) -> float | None:
        """When `on_time` has something to do; None when only a message can change that."""
        wakes = [run.wake_at for each in self._conversations.values() for run in each.runs]
        due = self._timetable.next_due()
        return min(wakes if due is None else [*wakes, due], default=None)

    def _begin(self, key: ConversationKey, scene: str, cue: Cue | None, now: float) -> list[Effect]:
        effects: list[Effect] = []
        conversation = self._conversations.pop(key, None)
        if conversation is None:
            effects += self._make_room(scene)
            conversation = Conversation(chat=key[0], sender_id=key[1])
        self._conversations[key] = conversation
        running = any(run.entry == scene for run in conversation.runs)
        if running and self._script.scenes[scene].mode == "single":
            return effects
        conversation.runs = [run for run in conversation.runs if run.entry != scene]
        run = Run(entry=scene, scene=scene, wake_at=now, cue=cue)
        conversation.runs.append(run)
        return effects + self._move(key, run, now)

    def _move(self, key: ConversationKey, run: Run, now: float) -> list[Effect]:
        conversation = self._conversations.get(key)
        if conversation is None or not any(each is run for each in conversation.runs):
            return []  # a fault or a restart earlier in the same call has ended it
        turn = Turn(self._script, conversation, run, now, self._randomness)
        after = turn.play()
        if after is After.ENDED:
            conversation.runs = [each for each in conversation.runs if each is not run]
        if after is After.FAILED or not conversation.worth_keeping:
            del self._conversations[key]
        return turn.effects

    def _make_room(self, scene: str) -> list[Effect]:
        """Forget the longest untouched idle conversation when there are too many; else end one, aloud."""
        if len(self._conversations) < self._most:
            return []
        idle = (key for key, each in self._conversations.items() if not each.runs)
        forgotten = next(idle, None)
        if forgotten is not None:
            del self._conversations[forgotten]
            return []
        oldest = self._conversations.pop(next(iter(self._conversations)))
        run = oldest.runs[0]
        message = f"ended: more than {self._most} conversations at once, and {scene} begins another"
        return [Fault(run.scene, run.step, message, oldest.chat)]

    def _state(self) -> EngineState:
        return EngineState(conversations=list(self._conversations.values()), timers=self._timetable.as_plain())

    def _adopt(self, state: EngineState) -> None:
        newest = state.conversations[-self._most :]
        self._conversations = {conversation.key: conversation for conversation in newest}
        self._timetable = Timetable(self._script, state.timers)


def _clean(text: str, most: int) -> str:
    """At most `most` characters, without half surrogate pairs: those can be neither sent nor saved."""
    return text[:most].encode("utf-8", "replace").decode("utf-8")
