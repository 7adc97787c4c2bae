"""What the use cases need from outside, besides Telegram and the bus: the ledger, files, downloads.

Every method of the ledger is one transaction, durable when it returns. The store implements these; tests use the
same code on a database in memory, and small twins for the files.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from services.node_agent.domain.accounts import Account, Seen, SessionFile
from services.node_agent.domain.deliveries import Delivery, NewestOrder, Order, StoredArtifact
from services.node_agent.domain.journal import Progress
from services.node_agent.domain.logins import HandedBack, Login, LoginState, PendingState
from services.node_agent.domain.sending import Outgoing, Silence
from shared.contracts.accounts import AccountChanged
from shared.contracts.deliveries import DeliveryReported
from shared.contracts.keys import TrustedKeys
from shared.contracts.logins import LoginReported

T = TypeVar("T")


class LedgerAway(Exception):
    """The ledger cannot be written or read now: a full disk, a damaged file."""


class DownloadFailed(Exception):
    """The content could not be fetched; the text says why."""


class StorageFailed(Exception):
    """A script file could not be written; the text says why."""


@dataclass(frozen=True)
class PendingReport:
    """A report that the broker has not confirmed; `message_id` is its row's."""

    message_id: str
    report: DeliveryReported


@dataclass(frozen=True)
class StateChange:
    """An account in a new state, or a new account; `message` makes the change of the number that it gets."""

    account: Account
    message: Callable[[int], AccountChanged]


@dataclass(frozen=True)
class Batch:
    """Everything that is to be written at once: changes in their order, what accounts have lived, and who is gone.

    Changes store everything of an account but its counters, progress stores the counters. The times in it are epoch
    seconds; what was said before `forget_said` counts no more.
    """

    changes: Sequence[StateChange] = ()
    progress: Sequence[tuple[Account, Progress]] = ()
    gone: Collection[str] = ()
    forget_said: float = 0.0


@dataclass(frozen=True)
class Remembered:
    """What an account remembers of the script that it plays, as JSON: see `shared.scripts.EngineState`."""

    script_id: str
    conversations: Sequence[str] = ()
    memory: str | None = None


class AccountLedger(Protocol):
    """Accounts, their numbered changes, and what they have lived."""

    async def accounts(self) -> list[Account]:
        """Every account that the ledger knows."""
        ...

    async def seen(self) -> dict[str, dict[int, Seen]]:
        """The newest message that each account has heard in each chat, those heard last at the end."""
        ...

    async def remembered(self) -> dict[str, Remembered]:
        """What each account remembers."""
        ...

    async def sends(self) -> dict[str, list[Outgoing]]:
        """What each account has to say, and what it said lately, in order; in epoch seconds."""
        ...

    async def silences(self) -> dict[str, Silence]:
        """Accounts that had to be silent, until when; in epoch seconds."""
        ...

    async def write(self, batch: Batch) -> None:
        """Store it all, or nothing."""
        ...

    async def changes_after(self, number: int, most: int) -> list[AccountChanged]:
        """Changes that are not confirmed, in their order."""
        ...

    async def confirm_changes(self, through: int) -> None:
        """The registry has committed the changes up to this number."""
        ...


class DeliveryLedger(Protocol):
    """Deliveries, the artifacts and bindings that they led to, and the reports about them."""

    async def delivery(self, delivery_id: str) -> Delivery | None:
        """What the ledger has of a delivery."""
        ...

    async def receive(self, order: Order, report: DeliveryReported) -> None:
        """Store an order that is to be applied, and the report that it was received."""
        ...

    async def forget(self, delivery_id: str) -> None:
        """Drop an order that is not applied yet, with its report, and know its id; what is finished stays."""
        ...

    async def newest_order(self, script_id: str) -> NewestOrder | None:
        """The order of a script that was issued last of all that were received."""
        ...

    async def is_forgotten(self, delivery_id: str) -> bool:
        """Whether this order was called off."""
        ...

    async def next_received(self) -> Delivery | None:
        """The oldest delivery that is still to be applied."""
        ...

    async def finish(
        self,
        delivery: Delivery,
        report: DeliveryReported,
        *,
        artifact: StoredArtifact | None = None,
        bindings: Mapping[str, str] | None = None,
    ) -> None:
        """Store a delivery's result with its report and, if it was applied, what it led to."""
        ...

    async def report(self, report: DeliveryReported) -> None:
        """Put a report into the outbox; it replaces one of the same delivery that is still there."""
        ...

    async def artifacts(self) -> list[StoredArtifact]:
        """The version of each script that this node should run, and those that it should not run any more."""
        ...

    async def bindings(self) -> dict[str, str]:
        """Which account plays which script (see `shared.contracts.bindings`)."""
        ...

    async def pending_reports(self, most: int) -> list[PendingReport]:
        """Reports to publish, oldest first."""
        ...

    async def forget_report(self, message_id: str) -> None:
        """The broker has confirmed this report."""
        ...


class Sessions(Protocol):
    """The folder of session files."""

    async def present(self) -> dict[str, SessionFile]:
        """The session files by account id. A folder that cannot be read raises OSError."""
        ...


class SessionBytes(Protocol):
    """The bytes of session files, for whoever makes logins of them."""

    async def read(self, account_id: str) -> tuple[bytes, SessionFile]:
        """An account's file, whole. Raises OSError."""
        ...

    async def write(self, account_id: str, content: bytes, expected: SessionFile) -> bool:
        """Put newer login state into the file; False when it is not the one that was read. Raises OSError."""
        ...


class SessionFiles(Sessions, SessionBytes, Protocol):
    """The folder of session files, with their bytes."""


class HeldLogins(Protocol):
    """The logins that the vault has sent, in memory."""

    def __len__(self) -> int: ...

    def __contains__(self, account_id: object) -> bool: ...

    def keep(self, account_id: str, login: Login, state: LoginState) -> None:
        """Hold a login that has come."""
        ...

    def refuse(self, account_id: str, why: str) -> None:
        """A login has come that could not be taken."""
        ...

    def problem(self, account_id: str) -> str | None:
        """Why the login that came last could not be taken."""
        ...

    def forget(self, account_id: str) -> None:
        """The account is no longer this node's."""
        ...

    def all(self) -> dict[str, Login]:
        """Every login, by account."""
        ...

    def has(self, account_id: str, epoch: int) -> bool:
        """Whether the login of an account's epoch is here."""
        ...

    def changed(self) -> list[str]:
        """Accounts whose newest state was not handed back."""
        ...

    def newest(self, account_id: str) -> LoginState:
        """An account's newest state."""
        ...

    def handed_back(self, account_id: str, hash_: str) -> None:
        """This state is on its way to the vault, and safe until it is there."""
        ...


class HandedBackLedger(Protocol):
    """The newest state of each login that was handed back, sealed to the vault, until the vault has it."""

    async def keep(self, states: Sequence[HandedBack]) -> None:
        """Store these states, each in the place of an older one of its account and epoch."""
        ...

    async def pending(self) -> list[PendingState]:
        """What the vault has not stored yet, oldest first."""
        ...

    async def state(self, pending: PendingState) -> HandedBack | None:
        """A pending state whole; None when a newer one has taken its place, or the vault has it."""
        ...

    async def stored(self, account_id: str, epoch: int, hash_: str) -> None:
        """The vault has this state."""
        ...

    async def hash_of(self, account_id: str, epoch: int) -> str | None:
        """The newest state that was handed back in this epoch."""
        ...


class WatchLedger(Protocol):
    """Whether accounts are connected, for the start after this one."""

    async def note(self, *, connected: bool) -> None:
        """Accounts may be connected from now on, or nobody is."""
        ...

    async def was_connected(self) -> bool:
        """What was noted last."""
        ...


class SignInLedger(Protocol):
    """The newest report of each sign-in, until somebody has it."""

    async def keep(self, report: LoginReported) -> None:
        """Store a report in the place of an earlier one of its sign-in."""
        ...

    async def pending(self) -> list[LoginReported]:
        """What is to be said, oldest first."""
        ...

    async def told(self, report: LoginReported) -> None:
        """The broker has this report, which has no login in it."""
        ...

    async def stored(self, hash_: str) -> None:
        """The vault has this login."""
        ...


class ScriptFiles(Protocol):
    """The scripts on the node's disk, one file for each id."""

    async def read(self, script_id: str) -> bytes | None:
        """The file's bytes, or None without a file."""
        ...

    async def write(self, script_id: str, content: bytes) -> None:
        """Replace the file at once or not at all. Raises StorageFailed."""
        ...

    async def remove(self, script_id: str) -> None:
        """Delete the file, if there is one. Raises StorageFailed."""
        ...


class Downloader(Protocol):
    """Fetches what is too large for a message."""

    async def fetch(self, url: str, most: int) -> bytes:
        """The content, of at most `most` bytes. Raises DownloadFailed."""
        ...


class Publisher(Protocol):
    """The agent's reports, on their way out."""

    async def account_changed(self, change: AccountChanged) -> None:
        """Raises PublishFailed."""
        ...

    async def delivery_reported(self, pending: PendingReport) -> None:
        """Raises PublishFailed."""
        ...

    async def login_handed_back(self, state: HandedBack) -> None:
        """Raises PublishFailed."""
        ...

    async def sign_in_reported(self, report: LoginReported) -> None:
        """Raises PublishFailed."""
        ...


class KeptKeys(Protocol):
    """The deployer's keys that this node goes by, across restarts."""

    async def keep(self, keys: TrustedKeys) -> None:
        """Go by these after the next start, too. Raises OSError."""
        ...


class Offload(Protocol):
    """Runs a function that computes for long where it does not hold up the event loop."""

    async def __call__(self, function: Callable[..., T], /, *arguments: Any) -> T:
        """The function's result."""
        ...


Ring = Callable[[], None]
