"""What a heartbeat is worth, given what the registry has of its node.

| the beat                                                 | verdict            | rows      | the node gets         |
| -------------------------------------------------------- | ------------------ | --------- | --------------------- |
| boot lower than the stored one                           | `RefusedNewerBoot` | untouched | a refusal             |
| (boot, seq) not newer than the stored one                | `Stale`            | untouched | a lease               |
| newer, full                                              | `Apply`            | replaced  | a lease               |
| newer, same boot, its base among the recent digests      | `Apply`            | changed   | a lease               |
| newer, any other                                         | `NeedsFull`        | node only | a lease, asked for all |

Why any recent digest will do as a base, not only the newest: an agent sends everything that it touched since the
beat it builds on. The rows may have come further in the meantime (a lease was lost on the way, so the agent still
builds on an older beat), but then the difference contains all of that again: it is a superset, and applying it
gives the state of the new beat.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from services.registry.domain.node import StoredNode
from shared.contracts.fleet import NodeStatus
from shared.contracts.heartbeats import HeartbeatReported

# An agent builds on a beat that it has a lease for; leases are at most a few beats late.
RECENT_DIGESTS = 16


@dataclass(frozen=True, slots=True)
class Apply:
    """The beat is the newest and its accounts can be written."""


@dataclass(frozen=True, slots=True)
class NeedsFull:
    """The node lives, but its difference builds on a state that the rows never had."""


@dataclass(frozen=True, slots=True)
class Stale:
    """A duplicate, or overtaken by a newer beat: nothing to write."""


@dataclass(frozen=True, slots=True)
class RefusedNewerBoot:
    """A later start of this node has reported: the sender of this beat must stop."""

    newest_boot: int


Verdict = Apply | NeedsFull | Stale | RefusedNewerBoot


def judge(stored: StoredNode, beat: HeartbeatReported) -> Verdict:
    """The verdict of the table above."""
    if beat.boot < stored.boot:
        return RefusedNewerBoot(stored.boot)
    if (beat.boot, beat.seq) <= (stored.boot, stored.seq):
        return Stale()
    if beat.full:
        return Apply()
    if beat.boot == stored.boot and beat.base_digest in stored.recent_digests:
        return Apply()
    return NeedsFull()


def advanced(stored: StoredNode, beat: HeartbeatReported, verdict: Apply | NeedsFull) -> StoredNode:
    """The node after a beat that is newer: alive, with the beat's facts, its digests as the verdict says."""
    recent = stored.recent_digests if beat.boot == stored.boot else ()
    if isinstance(verdict, Apply):
        recent = (*recent, beat.digest)[-RECENT_DIGESTS:]
    same_ledger = beat.ledger_id == stored.ledger_id
    return replace(
        stored,
        status=NodeStatus.ONLINE,
        facts=beat.node,
        resources=beat.resources,
        artifacts=tuple(beat.artifacts),
        account_count=beat.account_count,
        boot=beat.boot,
        seq=beat.seq,
        digest=beat.digest if isinstance(verdict, Apply) else "",
        recent_digests=recent,
        ledger_id=beat.ledger_id,
        changes_through=stored.changes_through if same_ledger else 0,
        takes_assignments=beat.assignments is not None,
    )


def offline_reason(node_id: str, since: datetime | None) -> str:
    """The status reason of every account of a node without a lease; `since` is None if it never had one."""
    if since is None:
        return f"node {node_id} has not reported yet"
    return f"node {node_id} is offline since {since:%Y-%m-%dT%H:%M:%SZ}"
