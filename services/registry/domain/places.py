"""Where accounts go that have to leave their node: to nodes with room, the most alike first.

A node takes accounts when it is online, goes by sets of assignments, has a key that logins can be sealed to, is not
draining and has room. Among those, such as have the same value of every label that must be kept; the more of the other
labels are the same, the better; then the one with the fewest accounts, so that they spread. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from services.registry.domain.assignments import Assignment, Takeover, Unassignable
from services.registry.domain.node import NodePolicy
from services.registry.domain.views import AssignmentView
from shared.contracts.assignments import MOST_ASSIGNED, AssignmentState
from shared.contracts.fleet import NodeStatus

# An account of a node: its row, or what is shown of it.
Located = Assignment | AssignmentView


@dataclass(frozen=True, slots=True)
class Host:
    """A node as a place for accounts: `accounts` is how many it has or is to get."""

    node_id: str
    status: NodeStatus
    labels: Mapping[str, str]
    takes_assignments: bool
    sealing_key: str | None
    policy: NodePolicy
    accounts: int

    @property
    def room(self) -> int:
        """How many more accounts fit."""
        most = MOST_ASSIGNED if self.policy.capacity is None else self.policy.capacity
        return max(0, most - self.accounts)


@dataclass(frozen=True, slots=True)
class Placed:
    """The account goes to this node."""

    account_id: str
    node_id: str


@dataclass(frozen=True, slots=True)
class NoPlace:
    """No node takes the account; `reason` says why and what helps."""

    account_id: str
    reason: str


def unable(host: Host) -> Unassignable | None:
    """Why this node cannot be sent accounts at all, whether it is online or not; None if it can."""
    if not host.takes_assignments:
        why = "its agent is too old to be assigned accounts, or no agent: upgrade it and let it report once"
        return Unassignable("node-takes-no-accounts", f"node {host.node_id!r}: {why}")
    if host.sealing_key is None:
        why = "it has no key that logins can be sealed to: enrol it (`callboard nodes enroll`)"
        return Unassignable("node-not-enrolled", f"node {host.node_id!r}: {why}")
    if host.policy.draining:
        why = "it is being drained: `callboard nodes undrain` ends that"
        return Unassignable("node-draining", f"node {host.node_id!r}: {why}")
    if host.room == 0:
        why = f"it is full with {host.accounts} accounts: raise its capacity, or choose another node"
        return Unassignable("node-full", f"node {host.node_id!r}: {why}")
    return None


def kept_there(account_id: str, epoch: int, in_vault: str | None, host: Host) -> Unassignable | None:
    """Why a node cannot give an account back; None if it can."""
    if not host.takes_assignments:
        why = "its agent is too old to give accounts back, or no agent: upgrade it, or take the session file away there"
        return Unassignable("node-gives-nothing-back", f"node {host.node_id!r} has {account_id!r}: {why}")
    # One that is offline besides will not be waited for: what it has in its folder may be claimed elsewhere.
    if epoch == 0 and in_vault is None and host.sealing_key is None and host.status is NodeStatus.ONLINE:
        why = "it is not enrolled, so it cannot hand the login to the vault: enrol it, or upload the login"
        return Unassignable("node-not-enrolled", f"node {host.node_id!r} has {account_id!r}: {why}")
    return None


class Places:
    """Places for accounts among these hosts; what was given a place counts for the next ones."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = {host.node_id: host for host in hosts}
        self._open = [host for host in hosts if host.status is NodeStatus.ONLINE and unable(host) is None]
        self._taken: dict[str, int] = {}
        self._queues: dict[str, list[_Rank]] = {}

    def host(self, node_id: str) -> Host:
        """A node that is among them."""
        return self._hosts[node_id]

    def place(self, account: Located) -> Placed | NoPlace:
        """A place for an account that leaves its node."""
        account_id, node_id = account.account_id, str(account.node_id)
        leaving = self._hosts[node_id]
        if (stays := kept_there(account_id, account.epoch, account.in_vault, leaving)) is not None:
            return NoPlace(account_id, stays.reason)
        if node_id not in self._queues:
            fitting = [host for host in self._open if host.node_id != node_id and _keeps(leaving, host)]
            self._queues[node_id] = [(-_alike(leaving, host), host.accounts, host.node_id) for host in fitting]
            heapify(self._queues[node_id])
        queue = self._queues[node_id]
        while queue:
            alike, accounts, best = heappop(queue)
            now = self._hosts[best].accounts + self._taken.get(best, 0)
            if now >= self._hosts[best].accounts + self._hosts[best].room:
                continue
            if now > accounts:  # accounts of another node came there meanwhile
                heappush(queue, (alike, now, best))
                continue
            self._taken[best] = self._taken.get(best, 0) + 1
            heappush(queue, (alike, now + 1, best))
            return Placed(account_id, best)
        return NoPlace(account_id, self._why_none(leaving))

    def stranded(self, account: Located) -> str | None:
        """Why an account of a dead node, that shall move, stays there; None: it is none such, or has a place."""
        host = self._hosts.get(account.node_id or "")
        if host is None or host.status is NodeStatus.ONLINE or account.state is not AssignmentState.ASSIGNED:
            return None
        if (account.takeover or host.policy.takeover) is not Takeover.MOVE or not host.takes_assignments:
            return None
        if account.in_vault is None:
            return "its login is on that node alone: upload it, or bring the node back"
        found = self.place(account)
        return found.reason if isinstance(found, NoPlace) else None

    def _why_none(self, leaving: Host) -> str:
        others = [host for host in self._open if host.node_id != leaving.node_id]
        if not others:
            return "no other node takes accounts: one must be online, enrolled, not draining and have room"
        if not any(_keeps(leaving, host) for host in others):
            wanted = ((name, leaving.labels.get(name)) for name in leaving.policy.keep)
            labels = ", ".join(f"no {name}" if value is None else f"{name}={value}" for name, value in wanted)
            return f"none of the {len(others)} nodes that take accounts has {labels}: keep fewer labels, or add a node"
        return "the nodes that fit are full: raise their capacity, or add a node"


# How well a host fits, the best first: the labels that are not alike, its accounts, its id.
_Rank = tuple[int, int, str]


def _keeps(leaving: Host, host: Host) -> bool:
    return all(host.labels.get(name) == leaving.labels.get(name) for name in leaving.policy.keep)


def _alike(leaving: Host, host: Host) -> int:
    return sum(1 for name, value in leaving.labels.items() if host.labels.get(name) == value)
