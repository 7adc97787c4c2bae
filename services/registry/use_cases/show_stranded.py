"""Say of accounts whose node is dead, and that shall move, why no other node takes them. Asked by the API.

Nothing of it is stored: what stands in the way changes with every node that comes, goes or fills up, and the job that
moves them (`settle_silent.py`) looks anew with every sweep. Raises Unavailable.
"""

from collections.abc import Sequence

from services.registry.domain.places import Places
from services.registry.domain.ports import FleetStore
from services.registry.domain.views import AccountView, AssignmentView
from shared.contracts.accounts import AccountStatus
from shared.contracts.assignments import AssignmentState
from shared.contracts.fleet import NodeStatus


class ShowStranded:
    """The use case."""

    def __init__(self, store: FleetStore) -> None:
        self._store = store

    async def of_assignments(self, views: Sequence[AssignmentView]) -> list[AssignmentView]:
        """The same assignments, with the reason of those that have no place."""
        nodes = {view.node_id for view in views if view.state is AssignmentState.ASSIGNED and view.node_id is not None}
        async with self._store.begin() as transaction:
            # Most often nobody is silent: then the other nodes, which may be ten thousand, are not looked at.
            if all(host.status is NodeStatus.ONLINE for host in await transaction.hosts(nodes)):
                return list(views)
            places = Places(await transaction.hosts())
        found = []
        for view in views:
            why = places.stranded(view)
            told = f"node {view.node_id} is silent, and the account shall move, but has no place: {why}"
            found.append(view if why is None else view.model_copy(update={"reason": told}))
        return found

    async def of_accounts(self, views: Sequence[AccountView]) -> list[AccountView]:
        """The same accounts; those that have no place are `stranded`, with the reason."""
        silent = {view.account_id for view in views if _is_silent(view)}
        if not silent:
            return list(views)
        async with self._store.begin() as transaction:
            rows = await transaction.assignments(silent)
            places = Places(await transaction.hosts())
        reasons = {account_id: places.stranded(row) for account_id, row in rows.items()}
        return [_told(view, reasons.get(view.account_id)) if _is_silent(view) else view for view in views]


def _is_silent(view: AccountView) -> bool:
    """Whether the account is down with the node that has it."""
    assigned = (view.assignment, view.assigned_to) == (AssignmentState.ASSIGNED, view.node_id)
    return view.status is AccountStatus.OFFLINE and assigned


def _told(view: AccountView, why: str | None) -> AccountView:
    if why is None:
        return view
    reason = f"{view.status_reason}; the account shall move, but has no place: {why}"
    return view.model_copy(update={"stranded": True, "status_reason": reason})
