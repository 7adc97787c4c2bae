"""What is still wrong with a fleet after a bad day; at the end nothing may be."""

from collections.abc import Iterable

from shared.contracts.deployments import DeliveryState
from shared.contracts.fleet import NodeStatus
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.machines import Machine


async def problems(fleet: SimulatedFleet) -> list[str]:
    """Every difference between what is, what is shown and what was ordered, as sentences."""
    found = await undelivered(fleet, fleet.machines)
    for machine in fleet.machines:
        found += await misrepresented(fleet, machine)
        found += missing_changes(fleet, machine)
    return found + await drifted(fleet)


async def undelivered(fleet: SimulatedFleet, machines: Iterable[Machine]) -> list[str]:
    """Deliveries that are not verified, and nodes that do not run what was verified on them last."""
    found, newest = [], {}
    for delivery in sorted(await fleet.deliveries(), key=lambda each: each.created_at):
        if delivery.state not in (DeliveryState.VERIFIED, DeliveryState.SUPERSEDED):
            found.append(f"{delivery.artifact.id} on {delivery.node_id} is {delivery.state} after {delivery.attempts}")
        newest[delivery.node_id, delivery.artifact.id] = delivery.artifact
    for machine in machines:
        runs = {each.id: each.hash for each in await machine.artifacts()}
        wanted = {script: each.hash for (node, script), each in newest.items() if node == machine.node_id}
        if runs != wanted:
            found.append(f"{machine.node_id} runs {sorted(runs)}, ordered is {sorted(wanted)} (or other versions)")
    return found


async def drifted(fleet: SimulatedFleet) -> list[str]:
    """What is shown as drift."""
    return [
        f"{each['script_id']} on {each['node_id']} is {each['state']}: {each['reason']}" for each in await fleet.drift()
    ]


async def misrepresented(fleet: SimulatedFleet, machine: Machine) -> list[str]:
    """Differences between the registry's rows and the node's own ledger; accounts that are not online."""
    own = await machine.reports()
    node = await fleet.node(machine.node_id)
    # Under which assignment an account runs is in no ledger: a started agent is told it.
    told = {"epoch": None, "session_version": None, "session_hash": None}
    rows = {
        key[1]: row.report.model_copy(update=told) for key, row in fleet.account_rows() if key[0] == machine.node_id
    }
    found = [] if node.status is NodeStatus.ONLINE else [f"{machine.node_id} is shown offline"]
    found += [
        f"{each}: shown {rows.get(each)}, is {own.get(each)}" for each in own | rows if rows.get(each) != own.get(each)
    ]
    found += [f"{each} is {report.status}" for each, report in own.items() if report.status != "online"]
    runs = {(each.id, each.hash) for each in await machine.artifacts()}
    if {(each.id, each.hash) for each in node.artifacts} != runs:
        found.append(f"{machine.node_id} is shown with {node.artifacts}")
    return found


def missing_changes(fleet: SimulatedFleet, machine: Machine) -> list[str]:
    """Account changes that the registry has not recorded, or not confirmed."""
    ledger_id, last = machine.ledger()
    recorded = fleet.changes_of(machine.node_id, ledger_id)
    missing = sorted(set(range(1, last + 1)) - recorded)
    found = [f"{machine.node_id} lacks the account changes {missing} of {last}"] if missing else []
    if unconfirmed := machine.unconfirmed():
        found.append(f"{machine.node_id} still keeps {unconfirmed} account changes")
    return found


def ended_twice(fleet: SimulatedFleet) -> list[str]:
    """Deliveries whose end was announced more than once, or in two ways."""
    ended: dict[str, list[str]] = {}
    for (delivery_id, state), count in fleet.endings().items():
        ended.setdefault(delivery_id, []).extend([state.value] * count)
    return [f"{delivery_id} ended as {ends}" for delivery_id, ends in ended.items() if len(ends) != 1]
