"""The conversations that an engine remembers: bounded, in the order in which they were last touched.

Owned by the engine. Whatever is touched or forgotten is remembered as changed until `take_changed` hands
it out, so that only what differs is written down.
"""

from collections.abc import Iterator

from shared.scripts.conversation import Conversation, ConversationKey
from shared.scripts.effects import Effect, Fault

# Runs and queued beginnings beyond the first run of their conversation, in all conversations together.
MAX_CROWD = 1000


class Conversations:
    """See the module's docstring. `most` bounds how many there are."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: dict[ConversationKey, Conversation] = {}
        self._touches = 0
        self.changed: set[ConversationKey] = set()

    def __iter__(self) -> Iterator[Conversation]:
        return iter(self._all.values())

    def get(self, key: ConversationKey) -> Conversation | None:
        """The conversation, if it is remembered."""
        return self._all.get(key)

    @property
    def crowded(self) -> bool:
        """Whether there are so many runs and queued beginnings that no conversation gets a second one."""
        return sum(len(each.runs) + len(each.queue) for each in self) - len(self._all) >= MAX_CROWD

    def adopt(self, before: list[Conversation], kept: list[Conversation]) -> None:
        """Remember `kept`; what was in `before` and is not the same any more has changed."""
        newest = sorted(kept, key=lambda each: each.touched)[-self._most :]
        self._all = {each.key: each for each in newest}
        self._touches = max((each.touched for each in newest), default=0)
        self.changed |= {each.key for each in before if self._all.get(each.key) != each}

    def opened(self, key: ConversationKey, scene: str) -> tuple[Conversation, list[Effect]]:
        """The conversation for `scene` to begin in, and what making room for it did."""
        known = self._all.get(key)
        if known is not None:
            return known, []
        effects = self._make_room(scene)
        self._all[key] = Conversation(chat=key[0], sender_id=key[1])
        return self._all[key], effects

    def touch(self, conversation: Conversation) -> None:
        """It is about to change: the last in the order, and to be written down."""
        self._touches += 1
        conversation.touched = self._touches
        self._all[conversation.key] = self._all.pop(conversation.key)
        self.changed.add(conversation.key)

    def forget(self, key: ConversationKey) -> Conversation:
        """It is over."""
        self.changed.add(key)
        return self._all.pop(key)

    def take_changed(self) -> dict[ConversationKey, Conversation | None]:
        """Copies of what has changed since the last call; None for what was forgotten."""
        found = {key: self._all.get(key) for key in self.changed}
        self.changed = set()
        return {key: each.model_copy(deep=True) if each is not None else None for key, each in found.items()}

    def _make_room(self, scene: str) -> list[Effect]:
        """Forget the longest untouched idle conversation when there are too many; else end one, aloud."""
        if len(self._all) < self._most:
            return []
        idle = (key for key, each in self._all.items() if not each.runs)
        forgotten = next(idle, None)
        if forgotten is not None:
            self.forget(forgotten)
            return []
        oldest = self.forget(next(iter(self._all)))
        run = oldest.runs[0]
        message = f"ended: more than {self._most} conversations at once, and {scene} begins another"
        return [Fault(run.scene, run.step, message, oldest.chat)]
