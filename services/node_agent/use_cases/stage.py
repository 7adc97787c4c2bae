"""What the accounts play: the loaded scripts, who plays which, and an engine for each account that does.

Owned by the agent's composition; deliveries load scripts into it, the accounts' runners let it hear messages and the
time. A script is here only if exactly its bytes were parsed, so the hash it reports is the hash that runs. Loading a
new version keeps every conversation that still has a place in it. Nothing here waits or raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.node_agent.domain.bindings import script_of
from services.node_agent.domain.deliveries import StoredArtifact
from services.node_agent.domain.telegram import IncomingMessage
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.identifiers import content_hash
from shared.randomness import Randomness
from shared.scripts import Effect, Engine, Incoming, Limits, Script, chat_address, may_speak_in


@dataclass(frozen=True)
class LoadedScript:
    """A script with the bytes that it was parsed from."""

    script: Script
    content: bytes
    version: int
    tests_passed: bool

    @property
    def artifact(self) -> AppliedArtifact:
        """What the node says that it runs; the hash is of the bytes themselves."""
        return AppliedArtifact(
            id=self.script.id,
            version=self.version,
            hash=content_hash(self.content),
            tests_passed=self.tests_passed,
        )


@dataclass
class _Part:
    script_id: str
    engine: Engine


class Stage:
    """See the module's docstring. Times are monotonic seconds."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness
        self._loaded: dict[str, LoadedScript] = {}
        self._artifacts: dict[str, AppliedArtifact] = {}
        self._parts: dict[str, _Part] = {}
        self.bindings: Mapping[str, str] = {}
        # What the ledger says should be loaded; a file that was altered is wanted and not loaded.
        self.wanted: dict[str, StoredArtifact] = {}

    def load(self, loaded: LoadedScript) -> None:
        """Play this version from now on."""
        script_id = loaded.script.id
        self._loaded[script_id] = loaded
        self._artifacts[script_id] = loaded.artifact
        for part in self._parts.values():
            if part.script_id == script_id:
                part.engine = part.engine.reloaded(loaded.script)

    def bind(self, bindings: Mapping[str, str]) -> None:
        """From now on the accounts play these scripts; who changes scripts forgets its conversations."""
        self.bindings = dict(bindings)
        self._parts = {
            account_id: part
            for account_id, part in self._parts.items()
            if script_of(self.bindings, account_id) == part.script_id
        }

    def forget(self, account_id: str) -> None:
        """The account is no longer on this node."""
        self._parts.pop(account_id, None)

    def artifacts(self) -> list[AppliedArtifact]:
        """Every script that is loaded."""
        return [self._artifacts[script_id] for script_id in sorted(self._artifacts)]

    def artifact(self, script_id: str) -> AppliedArtifact | None:
        """The version of a script that is loaded."""
        return self._artifacts.get(script_id)

    def role(self, account_id: str) -> tuple[str | None, AppliedArtifact | None]:
        """The script that the account shall play, and the version of it that is loaded."""
        script_id = script_of(self.bindings, account_id)
        return script_id, self._artifacts.get(script_id) if script_id else None

    def limits(self, account_id: str) -> Limits:
        """How much the account may say."""
        loaded = self._script(account_id)
        return loaded.script.limits if loaded else Limits()

    def may_speak(self, account_id: str, chat: str) -> bool:
        """Whether the account's present script lists the chat."""
        loaded = self._script(account_id)
        return loaded is not None and may_speak_in(loaded.script.chats, chat)

    def hear(self, account_id: str, message: IncomingMessage, now: float) -> list[Effect]:
        """What the account does about a message; nothing where its script does not list the chat."""
        loaded, engine = self._script(account_id), self._engine(account_id)
        if loaded is None or engine is None:
            return []
        address = chat_address(
            loaded.script.chats, chat_id=message.chat_id, username=message.chat_username, private=message.private
        )
        if address is None:
            return []
        heard = Incoming(address, message.sender_name, message.sender_id, message.text, message.message_id)
        return engine.on_message(heard, now)

    def on_time(self, account_id: str, now: float) -> list[Effect]:
        """What the account does because time has passed."""
        engine = self._engine(account_id)
        return engine.on_time(now) if engine else []

    def next_wake(self, account_id: str) -> float | None:
        """When `on_time` has something to do for the account."""
        engine = self._engine(account_id)
        return engine.next_wake() if engine else None

    def _script(self, account_id: str) -> LoadedScript | None:
        script_id = script_of(self.bindings, account_id)
        return self._loaded.get(script_id) if script_id else None

    def _engine(self, account_id: str) -> Engine | None:
        loaded = self._script(account_id)
        if loaded is None:
            return None
        part = self._parts.get(account_id)
        if part is None:
            part = self._parts[account_id] = _Part(loaded.script.id, Engine(loaded.script, self._randomness))
        return part.engine
