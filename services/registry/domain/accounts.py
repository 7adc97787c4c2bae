"""Account rows on their way into the store: groups of one origin, and what changed when they were written.

Every row carries its origin `(boot, seq, number)`: the beat it came with and number 0, or the last beat before an
`AccountChanged` and that change's number. A row is only ever replaced by one of a higher origin, so order and
duplicates do not matter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shared.contracts.accounts import AccountReport
from shared.contracts.fleet import AccountCounters, AccountsChanged


@dataclass(frozen=True, slots=True)
class AccountGroup:
    """Reports of one node with one origin. An account is at most once in all groups of a write."""

    node_id: str
    boot: int
    seq: int
    reports: Sequence[AccountReport]
    number: int = 0


@dataclass(frozen=True, slots=True)
class Removal:
    """An account that its node no longer has, as of `(boot, seq)`."""

    node_id: str
    account_id: str
    boot: int
    seq: int


@dataclass(frozen=True, slots=True)
class FullReport:
    """Everything of the node that is older than `(boot, seq)` is gone."""

    node_id: str
    boot: int
    seq: int


@dataclass(slots=True)
class Written:
    """Positions, counted through all groups of a write: rows whose state changed, and whose counters alone did.

    `placed` are those that are new on their node, or that it has in another epoch than before.
    """

    changed: set[int] = field(default_factory=set)
    counted: set[int] = field(default_factory=set)
    placed: set[int] = field(default_factory=set)


# A message of this many accounts stays well under a megabyte.
ACCOUNTS_PER_EVENT = 1_000


def placed(groups: Sequence[AccountGroup]) -> Iterator[tuple[AccountGroup, range]]:
    """Each group with the positions that its reports have in the whole write."""
    start = 0
    for group in groups:
        yield group, range(start, start + len(group.reports))
        start += len(group.reports)


def state_of(report: AccountReport) -> tuple[object, ...]:
    """What makes a change that everyone is told of."""
    return (
        report.status,
        report.status_reason,
        report.script_id,
        report.script_version,
        report.script_hash,
        report.session_file,
        report.epoch,
        report.session_version,
    )


def counters_of(report: AccountReport) -> tuple[object, ...]:
    """What changes all the time."""
    return (report.message_count, report.reply_count, report.uncertain_count, report.last_activity)


def counters(report: AccountReport) -> AccountCounters:
    """The counters as an event carries them; already validated with the report."""
    return AccountCounters.model_construct(
        account_id=report.account_id,
        message_count=report.message_count,
        reply_count=report.reply_count,
        uncertain_count=report.uncertain_count,
        last_activity=report.last_activity,
    )


def in_pieces(event: AccountsChanged) -> Iterator[AccountsChanged]:
    """The event in messages of a bearable size; the first one has the removals."""
    removed = event.removed
    for start in range(0, max(1, len(event.accounts)), ACCOUNTS_PER_EVENT):
        piece = event.accounts[start : start + ACCOUNTS_PER_EVENT]
        yield event.model_copy(update={"accounts": piece, "removed": removed})
        removed = []
