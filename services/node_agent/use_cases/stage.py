"""What the accounts play: the loaded scripts, who plays which, and an engine for each account that does.

Owned by the agent's composition; deliveries load scripts into it, the accounts' runners let it hear messages and the
time. A script is here only if exactly its bytes were parsed, so the hash it reports is the hash that runs. Loading a
new version keeps every conversation that still has a place in it; playing another script forgets them all. What an
engine changes its mind about is noted in the journal before the call returns. Nothing here waits or raises.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import structlog
from pydantic import ValidationError

from services.node_agent.domain.deliveries import StoredArtifact
from services.node_agent.domain.journal import Journal
from services.node_agent.domain.ports import Remembered
from services.node_agent.domain.telegram import Heard, IncomingMessage
from shared.contracts.artifacts import AppliedArtifact, FileState, TestTally
from shared.contracts.bindings import script_of
from shared.contracts.identifiers import content_hash
from shared.randomness import Randomness
from shared.scripts import (
    AccountMemory,
    Conversation,
    Effect,
    Engine,
    EngineChanges,
    EngineState,
    Incoming,
    Limits,
    Newcomer,
    Script,
    chat_address,
    may_speak_in,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LoadedScript:
    """A script with the bytes that it was parsed from. None of its own tests failed here."""

    script: Script
    content: bytes
    version: int

    @property
    def artifact(self) -> AppliedArtifact:
        """What the node says that it runs; the hash is of the bytes themselves."""
        return AppliedArtifact(
            id=self.script.id,
            version=self.version,
            hash=content_hash(self.content),
            tests_passed=True,
            tests=TestTally(passed=len(self.script.tests), total=len(self.script.tests)),
        )


@dataclass
class _Part:
    script_id: str
    engine: Engine


class Stage:
    """See the module's docstring. Times are epoch seconds."""

    def __init__(self, randomness: Randomness, journal: Journal) -> None:
        self._randomness = randomness
        self._journal = journal
        self._loaded: dict[str, LoadedScript] = {}
        self._artifacts: dict[str, AppliedArtifact] = {}
        self._parts: dict[str, _Part] = {}
        # What accounts remember from before the agent was started, until they are asked to play.
        self._remembered: dict[str, Remembered] = {}
        self.bindings: Mapping[str, str] = {}
        # What the ledger says should be loaded, or not any more; a file that was altered is wanted and not loaded.
        self.wanted: dict[str, StoredArtifact] = {}

    def load(self, loaded: LoadedScript) -> None:
        """Play this version from now on."""
        script_id = loaded.script.id
        self._loaded[script_id] = loaded
        self._artifacts[script_id] = loaded.artifact.model_copy(update={"file": FileState.INTACT})
        for account_id, part in self._parts.items():
            if part.script_id == script_id:
                part.engine = part.engine.reloaded(loaded.script)
                self._note(account_id, part)

    def unload(self, script_id: str) -> None:
        """Nobody plays this script any more; what was said in it is forgotten when `bind` takes its accounts."""
        self._loaded.pop(script_id, None)
        self._artifacts.pop(script_id, None)

    def bind(self, bindings: Mapping[str, str]) -> None:
        """From now on the accounts play these scripts; who changes scripts forgets its conversations."""
        self.bindings = dict(bindings)
        plays = {account_id: part.script_id for account_id, part in self._parts.items()}
        plays |= {account_id: remembered.script_id for account_id, remembered in self._remembered.items()}
        for account_id, script_id in plays.items():
            if script_of(self.bindings, account_id) != script_id:
                self.forget(account_id)
                self._journal.of(account_id).forget()

    def restore(self, remembered: Mapping[str, Remembered]) -> None:
        """What the accounts remember of the scripts that they played when the agent ended; before `bind`."""
        self._remembered = dict(remembered)

    def forget(self, account_id: str) -> None:
        """The account is no longer on this node, or plays something else."""
        self._parts.pop(account_id, None)
        self._remembered.pop(account_id, None)

    def artifacts(self) -> list[AppliedArtifact]:
        """Every script that is loaded, with the order that brought it."""
        return [self._with_order(self._artifacts[script_id]) for script_id in sorted(self._artifacts)]

    def loaded(self) -> Collection[str]:
        """The ids of the scripts that are loaded."""
        return self._artifacts.keys()

    def found_file(self, script_id: str, state: FileState, file_hash: str | None = None) -> bool:
        """The file of a loaded script is like this now; whether that is news."""
        before = self._artifacts[script_id]
        now = before.model_copy(update={"file": state, "file_hash": file_hash})
        self._artifacts[script_id] = now
        return now != before

    def artifact(self, script_id: str) -> AppliedArtifact | None:
        """The version of a script that is loaded."""
        return self._artifacts.get(script_id)

    def role(self, account_id: str) -> tuple[str | None, AppliedArtifact | None]:
        """The script that the account shall play, and the version of it that is loaded."""
        script_id = script_of(self.bindings, account_id)
        return script_id, self._artifacts.get(script_id) if script_id else None

    def script_id(self, account_id: str) -> str | None:
        """The script that the account plays, if it is loaded."""
        loaded = self._script(account_id)
        return loaded.script.id if loaded else None

    def limits(self, account_id: str) -> Limits:
        """How much the account may say."""
        loaded = self._script(account_id)
        return loaded.script.limits if loaded else Limits()

    def may_say(self, account_id: str, script_id: str, chat: str) -> bool:
        """Whether the account plays this script now, and it lists the chat."""
        loaded = self._script(account_id)
        return loaded is not None and loaded.script.id == script_id and may_speak_in(loaded.script.chats, chat)

    def hear(self, account_id: str, heard: Heard, now: float) -> list[Effect]:
        """What the account does about what it hears; nothing where its script does not list the chat."""
        loaded, part = self._script(account_id), self._part(account_id)
        if loaded is None or part is None:
            return []
        private = isinstance(heard, IncomingMessage) and heard.private
        address = chat_address(
            loaded.script.chats, chat_id=heard.chat_id, username=heard.chat_username, private=private
        )
        if address is None:
            return []
        match heard:
            case IncomingMessage():
                effects = part.engine.on_message(_incoming(heard, address), now)
            case _:
                newcomer = Newcomer(address, heard.name, heard.user_id, heard.message_id)
                effects = part.engine.on_joined(newcomer, now)
        self._note(account_id, part)
        return effects

    def on_time(self, account_id: str, now: float) -> list[Effect]:
        """What the account does because time has passed."""
        part = self._part(account_id)
        if part is None:
            return []
        effects = part.engine.on_time(now)
        self._note(account_id, part)
        return effects

    def next_wake(self, account_id: str) -> float | None:
        """When `on_time` has something to do for the account."""
        part = self._part(account_id)
        return part.engine.next_wake() if part else None

    def _with_order(self, artifact: AppliedArtifact) -> AppliedArtifact:
        wanted = self.wanted.get(artifact.id)
        if wanted is None or wanted.artifact.hash != artifact.hash:
            return artifact
        return artifact.model_copy(update={"delivery_id": wanted.delivery_id, "ordered_at": wanted.issued_at})

    def _script(self, account_id: str) -> LoadedScript | None:
        script_id = script_of(self.bindings, account_id)
        return self._loaded.get(script_id) if script_id else None

    def _part(self, account_id: str) -> _Part | None:
        loaded = self._script(account_id)
        if loaded is None:
            return None
        part = self._parts.get(account_id)
        if part is None:
            engine = Engine(loaded.script, self._randomness, self._recalled(account_id))
            part = self._parts[account_id] = _Part(loaded.script.id, engine)
            self._note(account_id, part)
        return part

    def _recalled(self, account_id: str) -> EngineState | None:
        """What the account remembers; what cannot be read is told and forgotten."""
        remembered = self._remembered.pop(account_id, None)
        if remembered is None:
            return None
        conversations, unreadable = list[Conversation](), 0
        for body in remembered.conversations:
            try:
                conversations.append(Conversation.model_validate_json(body))
            except ValidationError:
                unreadable += 1
        memory = AccountMemory()
        try:
            memory = AccountMemory.model_validate_json(remembered.memory) if remembered.memory else memory
        except ValidationError:
            unreadable += 1
        if unreadable:
            log.error("conversations_unreadable", account=account_id, forgotten=unreadable,
                      advice="they were written by a newer agent, or the ledger was altered")  # fmt: skip
            progress = self._journal.of(account_id)
            progress.forget()
            progress.learn(remembered.script_id, EngineChanges({each.key: each for each in conversations}, memory))
        return EngineState(conversations=conversations, account=memory)

    def _note(self, account_id: str, part: _Part) -> None:
        if changes := part.engine.take_changes():
            self._journal.of(account_id).learn(part.script_id, changes)


def _incoming(message: IncomingMessage, address: str) -> Incoming:
    return Incoming(
        chat=address,
        sender=message.sender_name,
        sender_id=message.sender_id,
        text=message.text,
        message_id=message.message_id,
        mentions_me=message.mentions_me,
        answers_me=message.answers_me,
    )
