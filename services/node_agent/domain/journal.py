"""What the accounts have lived since their ledger was last written: what they heard, remember, and have to say.

`Roster`, `Stage` and `Unsaid` note here what they change, in the same moment in which they change it; the roster takes
it all at once and writes it in one transaction. So whatever a crash leaves in the ledger is a moment that really was:
never a message that counts as heard without its answer, nor an answer without the conversation that gave it. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from services.node_agent.domain.accounts import Seen
from services.node_agent.domain.sending import Outgoing, Silence
from shared.scripts import AccountMemory, Conversation, ConversationKey, EngineChanges


@dataclass
class Progress:
    """One account's. What is empty or None has not changed; None in a mapping says that the row goes.

    `forgets`: what was remembered before is of no use any more, whatever the rest says.
    """

    seen: dict[int, Seen | None] = field(default_factory=dict)
    script_id: str = ""
    forgets: bool = False
    conversations: dict[ConversationKey, Conversation | None] = field(default_factory=dict)
    memory: AccountMemory | None = None
    sends: dict[int, Outgoing | None] = field(default_factory=dict)
    silence: Silence | None = None

    def learn(self, script_id: str, changes: EngineChanges) -> None:
        """The engine of a script has changed its mind."""
        self.script_id = script_id
        self.conversations |= changes.conversations
        if changes.account is not None:
            self.memory = changes.account

    def forget(self) -> None:
        """The account plays another script, or none."""
        self.forgets, self.script_id, self.conversations, self.memory = True, "", {}, None

    def then(self, newer: "Progress") -> "Progress":
        """Both, one after the other."""
        kept = Progress() if newer.forgets else self
        return Progress(
            seen=self.seen | newer.seen,
            script_id=newer.script_id or kept.script_id,
            forgets=self.forgets or newer.forgets,
            conversations=kept.conversations | newer.conversations,
            memory=newer.memory or kept.memory,
            sends=self.sends | newer.sends,
            silence=newer.silence or self.silence,
        )


class Journal:
    """The progress of every account. `noted` is rung when there is something to write."""

    def __init__(self, noted: Callable[[], None] = lambda: None) -> None:
        self._noted = noted
        self._progress: dict[str, Progress] = {}

    def of(self, account_id: str) -> Progress:
        """An account's progress, to be changed; from now on there is something to write."""
        self._noted()
        return self._progress.setdefault(account_id, Progress())

    def take(self) -> dict[str, Progress]:
        """Everything; from now on there is nothing to write."""
        taken, self._progress = self._progress, {}
        return taken

    def give_back(self, taken: dict[str, Progress]) -> None:
        """It could not be written: it is to be, with what has come since."""
        if taken:
            self._noted()
        newer = self._progress
        self._progress = taken | {each: taken.get(each, Progress()).then(progress) for each, progress in newer.items()}

    def drop(self, account_id: str) -> None:
        """The account is gone."""
        self._progress.pop(account_id, None)
