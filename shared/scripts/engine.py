"""The interpreter of one script for one account: what happens in its chats and time in, effects out.

Pure: no clock, no dice, no input or output of its own. `now` is epoch seconds. The agent calls
`on_message` and `on_joined` for what others do and `on_time` when `next_wake` has come, carries out the
effects in order, and writes down what `take_changes` says has changed. It owns the limits: the engine
says what the script wants said. Nothing here raises for any message, time or state.

A run is begun by a trigger, rests at each `wait`, and ends at `stop`, the last step, a fault, or a reload
that leaves it without a scene:  trigger → plays ⇄ rests → ended.
"""

from copy import deepcopy
from dataclasses import dataclass

from shared.scripts.asking import Occasion, Unmet, first_unmet
from shared.scripts.chats import may_speak_in
from shared.scripts.conversation import (
    AccountMemory,
    Conversation,
    ConversationKey,
    Cue,
    EngineChanges,
    EngineState,
    Queued,
    Run,
    carried_over,
)
from shared.scripts.conversations import Conversations
from shared.scripts.effects import Effect, Fault, Incoming, Newcomer, Randomness
from shared.scripts.explaining import (
    Explanation,
    Judgement,
    Ruling,
    by_mode,
    held_back,
    judged,
    judgements,
    timer_named,
    unlisted,
)
from shared.scripts.filters import MAX_WORK_AT_ONCE, metered
from shared.scripts.heard import cleaned, cue_of, key_of
from shared.scripts.matching import Happening, groups_found
from shared.scripts.model import Script
from shared.scripts.play import After, Turn, known_names
from shared.scripts.scalars import VariableValue
from shared.scripts.timetable import Timer, Timetable

# About a kilobyte each while resting, so a flood of strangers costs an account a megabyte, not the node.
MAX_CONVERSATIONS = 1000


@dataclass(frozen=True, slots=True)
class _Move:
    """What is due: a run that goes on, or a timer that begins its scene."""

    due: float
    key: ConversationKey
    what: Run | Timer


class Engine:
    """Plays `script`, from `state` on as far as the script still has the places.

    `max_conversations` bounds what is remembered: the longest untouched idle ones go first.
    """

    def __init__(
        self,
        script: Script,
        randomness: Randomness,
        state: EngineState | None = None,
        *,
        max_conversations: int = MAX_CONVERSATIONS,
    ) -> None:
        self._script = script
        self._randomness = randomness
        self._most = max_conversations
        self._conversations = Conversations(max_conversations)
        before = state or EngineState()
        kept = carried_over(before, script)
        self._conversations.adopt(before.conversations, kept.conversations)
        self._account: dict[str, VariableValue] = kept.account.variables
        self._timetable = Timetable(script, kept.account.timers)
        self._account_changed = self._memory() != before.account

    def reloaded(self, script: Script) -> "Engine":
        """An engine for another version of the script; conversations keep their place where it exists."""
        state = EngineState(conversations=list(self._conversations), account=self._memory())
        engine = Engine(script, self._randomness, state, max_conversations=self._most)
        engine._conversations.changed |= self._conversations.changed
        engine._account_changed |= self._account_changed
        return engine

    def take_changes(self) -> EngineChanges:
        """What has changed since the last call, as copies."""
        account = self._memory() if self._account_changed else None
        self._account_changed = False
        return EngineChanges(self._conversations.take_changed(), account)

    def on_message(self, message: Incoming, now: float) -> list[Effect]:
        """Begin the scene that answers `message`, if one does, and play it until it rests or ends."""
        with metered(MAX_WORK_AT_ONCE):
            return self._answer(cleaned(message), now)

    def on_joined(self, newcomer: Newcomer, now: float) -> list[Effect]:
        """Begin the scene that welcomes `newcomer`, if one does, and play it until it rests or ends."""
        with metered(MAX_WORK_AT_ONCE):
            return self._answer(cleaned(newcomer), now)

    def on_time(self, now: float) -> list[Effect]:
        """Move on every run and begin every timed scene that is due, in the order they were due."""
        return [effect for move in self._due(now) for effect in self._make(move, now)]

    def next_wake(self) -> float | None:
        """When `on_time` has something to do; None when only a message can change that."""
        wakes = [run.wake_at for each in self._conversations for run in each.runs]
        due = self._timetable.next_due()
        return min(wakes if due is None else [*wakes, due], default=None)

    def explain(self, happening: Happening, now: float) -> Explanation:
        """What `happening` would begin and why, without anything being played."""
        heard = cleaned(happening)
        if not may_speak_in(self._script.chats, heard.chat):
            return unlisted(heard.chat)

        def rule(scene: str, groups: dict[str, str]) -> Ruling:
            return self._ruling(key_of(heard), scene, cue_of(heard, groups), now)

        with metered(MAX_WORK_AT_ONCE):
            return Explanation(tuple(judgements(self._script, heard, rule)))

    def explain_time(self, now: float) -> Explanation:
        """What each timed trigger that is due would begin and why; it is played on a copy, with a copy of the dice."""
        ahead = deepcopy(self, {id(self._script): self._script})
        found: list[Judgement] = []
        for move in ahead._due(now):
            if not isinstance(move.what, Run):
                with metered(MAX_WORK_AT_ONCE):
                    ruling = ahead._ruling(move.key, move.what.scene, None, now)
                found.append(judged(move.what.scene, timer_named(move.what), ruling))
            ahead._make(move, now)
        return Explanation(tuple(found))

    def _due(self, now: float) -> list[_Move]:
        """Every run that is to go on and every timed scene that is to begin, in the order they were due."""
        self._start(now)
        moved, timed = self._timetable.take_due(now)
        self._account_changed |= moved
        moves = [_Move(run.wake_at, each.key, run) for each in self._conversations for run in each.runs]
        moves = [move for move in moves if move.due <= now]
        moves += [_Move(due, (timer.chat, None), timer) for due, timer in timed]
        return sorted(moves, key=lambda move: move.due)

    def _make(self, move: _Move, now: float) -> list[Effect]:
        with metered(MAX_WORK_AT_ONCE):
            if isinstance(move.what, Run):
                return self._move(move.key, move.what, now)
            return self._begin_if(move.key, move.what.scene, None, now)[1]

    def _ruling(self, key: ConversationKey, scene: str, cue: Cue | None, now: float) -> Ruling:
        """What `_begin_if` would do."""
        unmet = self._unmet(key, scene, cue, now)
        if unmet is not None:
            return held_back(unmet)
        conversation = self._conversations.get(key)
        before = [run for run in conversation.runs if run.entry == scene] if conversation else []
        has_place = conversation is None or self._has_place(conversation, scene)
        return by_mode(self._script.scenes[scene].mode, before, now, has_place=has_place)

    def _answer(self, happening: Happening, now: float) -> list[Effect]:
        """The first scene with a trigger that fits and conditions that hold begins."""
        self._start(now)
        effects: list[Effect] = []
        if not may_speak_in(self._script.chats, happening.chat):
            return effects
        for name, scene in self._script.scenes.items():
            fits = (groups_found(trigger, happening) for trigger in scene.triggers)
            groups = next((each for each in fits if each is not None), None)
            if groups is not None:
                begun, more = self._begin_if(key_of(happening), name, cue_of(happening, groups), now)
                effects += more
                if begun:
                    break
        return effects

    def _start(self, now: float) -> None:
        self._account_changed |= self._timetable.start(now)

    def _begin_if(self, key: ConversationKey, scene: str, cue: Cue | None, now: float) -> tuple[bool, list[Effect]]:
        """Begin the scene if its conditions hold; whether they did."""
        unmet = self._unmet(key, scene, cue, now)
        if unmet is None:
            return True, self._begin(key, scene, cue, now)
        message = f"conditions[{unmet.index}]: {unmet.why}"
        return False, [Fault(scene, None, message, key[0])] if unmet.failed else []

    def _unmet(self, key: ConversationKey, scene: str, cue: Cue | None, now: float) -> Unmet | None:
        if not self._script.scenes[scene].conditions:
            return None
        conversation = self._conversations.get(key)
        variables = conversation.variables if conversation else {}
        began = conversation.began.get(scene) if conversation else None
        names = known_names(self._script, variables, self._account, cue)
        return first_unmet(self._script, self._script.scenes[scene], Occasion(now, key[0], names, began))

    def _begin(self, key: ConversationKey, scene: str, cue: Cue | None, now: float) -> list[Effect]:
        conversation, effects = self._conversations.opened(key, scene)
        if not self._has_place(conversation, scene):
            return effects
        self._conversations.touch(conversation)
        if self._script.scenes[scene].cooldown:
            conversation.began[scene] = now
        running = any(run.entry == scene for run in conversation.runs)
        mode = self._script.scenes[scene].mode.kind
        if running and mode == "queued":
            conversation.queue.append(Queued(scene=scene, cue=cue))
            return effects
        if running and mode == "restart":
            conversation.runs = [run for run in conversation.runs if run.entry != scene]
        run = Run(entry=scene, scene=scene, wake_at=now, cue=cue)
        conversation.runs.append(run)
        return effects + self._move(key, run, now)

    def _has_place(self, conversation: Conversation, scene: str) -> bool:
        """Whether the mode lets the scene begin now, or wait for its turn."""
        running = sum(run.entry == scene for run in conversation.runs)
        mode = self._script.scenes[scene].mode
        if not running or mode.kind == "restart":
            return True
        if mode.kind == "single" or self._conversations.crowded:
            return False
        waiting = sum(each.scene == scene for each in conversation.queue)
        return (waiting if mode.kind == "queued" else running) < mode.max

    def _move(self, key: ConversationKey, run: Run, now: float) -> list[Effect]:
        """Play a run on; when it ends, whatever was queued behind it has its turn."""
        effects: list[Effect] = []
        following: Run | None = run
        while following is not None:
            conversation = self._conversations.get(key)
            if conversation is None or not any(each is following for each in conversation.runs):
                break  # a fault or a restart earlier in the same call has ended it
            self._conversations.touch(conversation)
            turn = Turn(self._script, conversation, dict(self._account), following, now, self._randomness)
            after = turn.play()
            effects += turn.effects
            self._account_changed |= turn.account != self._account
            self._account = turn.account
            following = self._after(conversation, following, after, now)
        return effects

    def _after(self, conversation: Conversation, run: Run, after: After, now: float) -> Run | None:
        """What a run's end leaves: the run that was queued behind it, if any."""
        if after is After.RESTS:
            return None
        conversation.runs = [each for each in conversation.runs if each is not run]
        place = next((n for n, each in enumerate(conversation.queue) if each.scene == run.entry), None)
        if after is After.FAILED or (place is None and not self._worth_keeping(conversation, now)):
            self._conversations.forget(conversation.key)
        if after is After.FAILED or place is None:
            return None
        queued = conversation.queue.pop(place)
        following = Run(entry=queued.scene, scene=queued.scene, wake_at=now, cue=queued.cue)
        conversation.runs.append(following)
        return following

    def _worth_keeping(self, conversation: Conversation, now: float) -> bool:
        """Forgets cooldowns that are over first: most guests come once."""
        scenes = self._script.scenes
        conversation.began = {
            scene: began for scene, began in conversation.began.items() if began + scenes[scene].cooldown > now
        }
        return conversation.worth_keeping

    def _memory(self) -> AccountMemory:
        return AccountMemory(variables=dict(self._account), timers=self._timetable.as_plain())
