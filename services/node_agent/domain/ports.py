"""What the use cases need from outside, besides Telegram and the bus: the ledger, files, downloads.

Every method of the ledger is one transaction, durable when it returns. The store implements these; tests use the
same code on a database in memory, and small twins for the files.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from services.node_agent.domain.accounts import Account, Seen, SessionFile
from services.node_agent.domain.deliveries import Delivery, StoredArtifact
from shared.contracts.accounts import AccountChanged
from shared.contracts.deliveries import DeliverArtifact, DeliveryReported

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
class Activity:
    """An account's counters and the newest messages it has heard, by chat id."""

    account: Account
    seen: Mapping[int, Seen]


class AccountLedger(Protocol):
    """Accounts, their numbered changes, and their counters."""

    async def accounts(self) -> list[Account]:
        """Every account that the ledger knows."""
        ...

    async def seen(self, account_id: str) -> dict[int, Seen]:
        """The newest message heard in each chat."""
        ...

    async def record_change(self, account: Account, change: Callable[[int], AccountChanged]) -> None:
        """Store the account and the change that `change` makes of the next number."""
        ...

    async def forget_account(self, account_id: str) -> None:
        """The account is no longer on this node."""
        ...

    async def save_activity(self, activities: Collection[Activity]) -> None:
        """Store counters and what was heard."""
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

    async def receive(self, order: DeliverArtifact, report: DeliveryReported) -> None:
        """Store an order that is to be applied, and the report that it was received."""
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
        """The version of each script that this node should run."""
        ...

    async def bindings(self) -> dict[str, str]:
        """Which account plays which script (see `domain.bindings`)."""
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


class ScriptFiles(Protocol):
    """The scripts on the node's disk, one file for each id."""

    async def read(self, script_id: str) -> bytes | None:
        """The file's bytes, or None without a file."""
        ...

    async def write(self, script_id: str, content: bytes) -> None:
        """Replace the file at once or not at all. Raises StorageFailed."""
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


class Offload(Protocol):
    """Runs a function that computes for long where it does not hold up the event loop."""

    async def __call__(self, function: Callable[..., T], *arguments: Any) -> T:
        """The function's result."""
        ...


Ring = Callable[[], None]
Changes = Sequence[AccountChanged]
