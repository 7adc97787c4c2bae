"""What comes of a heartbeat, for its sender: a lease, a refusal, or the error that kept it from being recorded.

A lease is only ever made for a beat whose transaction was committed. Its seconds are the same for both sides, but the
agent counts them from the sending and the registry from the transaction, so the agent always gives up first.
"""

from dataclasses import dataclass

from services.registry.domain.node import StoredNode
from shared.contracts.accounts import AccountReport
from shared.contracts.assignments import AssignAccounts, SessionWanted
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.leases import GrantLease, RefusalCause, RefuseLease


@dataclass(frozen=True, slots=True)
class Granted:
    """The beat is committed. `counted` are the accounts of which nothing but counters changed with it.

    `assign` is the node's set, if it goes by another one; `wanted` are the logins that it lacks and may have.
    """

    grant: GrantLease
    counted: tuple[AccountReport, ...] = ()
    assign: AssignAccounts | None = None
    wanted: tuple[SessionWanted, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The sender is an older start of its node."""

    refusal: RefuseLease


@dataclass(frozen=True, slots=True)
class Superseded:
    """The beat is committed, and a newer one of its node in the same batch brings the answer for both."""


@dataclass(frozen=True, slots=True)
class Unrecordable:
    """This one message alone cannot be written; the others of its batch were."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Recorded:
    """An account change is committed, now or before."""


Answer = Granted | Refused | Superseded
Outcome = Answer | Unrecordable


def lease_for(beat: HeartbeatReported, node: StoredNode, seconds: float) -> Granted | Refused:
    """The answer to a beat, `node` being the node after the whole batch: only its newest boot may run."""
    if beat.boot < node.boot:
        return Refused(
            RefuseLease(
                node_id=beat.node_id,
                boot=beat.boot,
                seq=beat.seq,
                cause=RefusalCause.NEWER_BOOT,
                newest_boot=node.boot,
            )
        )
    return Granted(
        GrantLease(
            node_id=beat.node_id,
            boot=beat.boot,
            seq=beat.seq,
            seconds=seconds,
            # Without a digest the rows wait for a full report, whichever of the node's beats is answered.
            full_report=not node.digest,
            ledger_id=beat.ledger_id,
            changes_through=node.changes_through if node.ledger_id == beat.ledger_id else 0,
            assignments=node.assignments,
        )
    )
