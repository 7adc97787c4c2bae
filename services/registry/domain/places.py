"""Where accounts go that have to leave their node: to nodes with room, the most alike first.

A node takes accounts when it is online, goes by sets of assignments, has a key that logins can be sealed to, is not
draining and has room. Among those, such as have the same value of every label that must be kept; the more of the other
labels are the same, the better; then the one with the fewest accounts, so that they spread. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.registry.domain.assignments import Unassignable
from services.registry.domain.node import NodePolicy
from shared.contracts.assignments import MOST_ASSIGNED
from shared.contracts.fleet import NodeStatus


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


def placed(account_ids: Sequence[str], leaving: Host, hosts: Sequence[Host]) -> list[Placed | NoPlace]:
    """A place for each account of the node `leaving`, in their order."""
    kept = {name: leaving.labels.get(name) for name in leaving.policy.keep}
    open_hosts = {
        host.node_id: host
        for host in hosts
        if host.node_id != leaving.node_id and host.status is NodeStatus.ONLINE and unable(host) is None
    }
    fitting = {
        node_id: host
        for node_id, host in open_hosts.items()
        if all(host.labels.get(name) == value for name, value in kept.items())
    }
    found: list[Placed | NoPlace] = []
    for account_id in account_ids:
        best = min(
            (host for host in fitting.values() if host.room), key=lambda host: _rank(host, leaving), default=None
        )
        if best is None:
            found.append(NoPlace(account_id, _why_none(kept, len(open_hosts), len(fitting))))
            continue
        fitting[best.node_id] = replace(best, accounts=best.accounts + 1)
        found.append(Placed(account_id, best.node_id))
    return found


def _rank(host: Host, leaving: Host) -> tuple[int, int, str]:
    alike = sum(1 for label in leaving.labels.items() if label in host.labels.items())
    return (-alike, host.accounts, host.node_id)


def _why_none(kept: Mapping[str, str | None], open_hosts: int, fitting: int) -> str:
    if not open_hosts:
        return "no other node takes accounts: one must be online, enrolled, not draining and have room"
    if not fitting:
        labels = ", ".join(f"{name}={value}" if value is not None else f"no {name}" for name, value in kept.items())
        return f"none of the {open_hosts} nodes that take accounts has {labels}: keep fewer labels, or add a node"
    return "the nodes that fit are full: raise their capacity, or add a node"
