"""An account as its node has it: identity, state and counters, and the report that is made of them.

Values only; `use_cases.roster` keeps them in step with the ledger and the heartbeat.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from services.node_agent.domain.account_states import STOPPED, AccountState
from shared.contracts.accounts import AccountReport
from shared.contracts.artifacts import AppliedArtifact

# Another one means that somebody has put another file there, which may be another login.
Fingerprint = str


@dataclass(frozen=True)
class SessionFile:
    """A session file: `name` without its folder, `fingerprint` changes when somebody else changes the file."""

    name: str
    fingerprint: Fingerprint


@dataclass(frozen=True)
class Station:
    """By which login the node has an account: what stands for its file, and for one of the vault's also which it is.

    `hash` is of the newest state that the vault has from this node.
    """

    session_file: str
    epoch: int | None = None
    version: int | None = None
    hash: str | None = None

    def is_same_login(self, other: "Station") -> bool:
        """Whether both are the same login, in whatever state."""
        mine, others = (self.session_file, self.epoch, self.version), (other.session_file, other.epoch, other.version)
        return mine == others


@dataclass(frozen=True)
class Seen:
    """The newest message that the account has heard in a chat, by which repeats are told.

    `joined` is who came into the chat with that very message, as far as this agent has heard it.
    """

    message_id: int
    at: datetime
    joined: frozenset[int] = field(default=frozenset(), compare=False)

    def covers(self, message_id: int, at: datetime, newcomer: int | None = None) -> bool:
        """Whether this was heard before. A restarted world counts anew, but its clock does not."""
        if newcomer is not None and self.joined and message_id == self.message_id:
            return newcomer in self.joined
        return message_id <= self.message_id and at <= self.at

    def then(self, message_id: int, at: datetime, newcomer: int | None = None) -> "Seen":
        """What is the newest after this was heard."""
        joined = frozenset() if newcomer is None else frozenset({newcomer})
        return Seen(message_id, at, joined | self.joined if message_id == self.message_id else joined)


NOT_STARTED = AccountState(STOPPED)


@dataclass(frozen=True)
class Account:
    """One account. `user_id` is known once it was online; `dead_file` is the file that ended it in error.

    `epoch`, `session_version` and `session_hash` are not in the ledger: a started agent is told them anew.
    """

    account_id: str
    session_file: str
    state: AccountState = NOT_STARTED
    message_count: int = 0
    reply_count: int = 0
    last_activity: datetime | None = None
    user_id: int | None = None
    dead_file: Fingerprint | None = None
    epoch: int | None = None
    session_version: int | None = None
    session_hash: str | None = None
    uncertain_count: int = 0

    @property
    def station(self) -> Station:
        """By which login the node has it."""
        return Station(self.session_file, self.epoch, self.session_version, self.session_hash)

    def at(self, station: Station) -> "Account":
        """The account with another login, or in another epoch."""
        return replace(
            self,
            session_file=station.session_file,
            epoch=station.epoch,
            session_version=station.version,
            session_hash=station.hash,
        )

    def report(self, script_id: str | None, artifact: AppliedArtifact | None) -> AccountReport:
        """What the node says of it; a script that is bound but not loaded has no version."""
        return AccountReport(
            account_id=self.account_id,
            status=self.state.status,
            status_reason=self.state.reason,
            script_id=script_id,
            script_version=artifact.version if artifact else None,
            script_hash=artifact.hash if artifact else None,
            message_count=self.message_count,
            reply_count=self.reply_count,
            uncertain_count=self.uncertain_count,
            last_activity=self.last_activity,
            session_file=self.session_file,
            user_id=self.user_id,
            epoch=self.epoch,
            session_version=self.session_version,
            session_hash=self.session_hash,
        )
