"""Which rows an event is about, by the contracts' own models. Unknown types are about none; nothing here fails."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from services.console.live.hub import ALL, News
from shared.contracts.assignments import AssignmentChanged
from shared.contracts.deployments import DeliveryChanged, DeploymentChanged
from shared.contracts.drift import DriftChanged
from shared.contracts.fleet import AccountsChanged, AccountsCounted, NodeObserved
from shared.contracts.sessions import SessionChanged

ACCOUNTS, COUNTERS, NODES = "accounts", "counters", "nodes"
DEPLOYMENTS, DELIVERIES, DRIFT = "deployments", "deliveries", "drift"
SESSIONS = "sessions"


def _accounts(event: AccountsChanged) -> list[News]:
    named = [*(account.account_id for account in event.accounts), *event.removed]
    return [News(ACCOUNTS, tuple(f"{event.node_id}/{account_id}" for account_id in named))]


def _counters(event: AccountsCounted) -> list[News]:
    return [News(COUNTERS, tuple(f"{event.node_id}/{account.account_id}" for account in event.accounts))]


def _node(event: NodeObserved) -> list[News]:
    # A node that comes or goes changes how all its accounts are shown.
    accounts = [News(ACCOUNTS, (f"{event.node_id}/{ALL}",))] if event.change in ("online", "offline") else []
    return [News(NODES, (event.node_id,)), *accounts]


def _deployment(event: DeploymentChanged) -> list[News]:
    return [News(DEPLOYMENTS, (event.deployment_id,))]


def _delivery(event: DeliveryChanged) -> list[News]:
    return [News(DELIVERIES, (event.deployment_id,)), News(NODES, (event.node_id,))]


def _session(event: SessionChanged) -> list[News]:
    return [News(SESSIONS, (event.account_id,))]


def _assignment(event: AssignmentChanged) -> list[News]:
    nodes = [one for one in (event.node_id, event.target) if one]
    return [News(ACCOUNTS, tuple(f"{node}/{event.account_id}" for node in nodes)), News(SESSIONS, (event.account_id,))]


def _drift(event: DriftChanged) -> list[News]:
    return [News(DRIFT, (f"{event.node_id}/{event.script_id}",))]


_READERS: dict[str, tuple[Any, Callable[[Any], list[News]]]] = {
    kind.TYPE: (kind, read)
    for kind, read in (
        (AccountsChanged, _accounts),
        (AccountsCounted, _counters),
        (NodeObserved, _node),
        (DeploymentChanged, _deployment),
        (DeliveryChanged, _delivery),
        (DriftChanged, _drift),
        (SessionChanged, _session),
        (AssignmentChanged, _assignment),
    )
}


def news_of(type_name: str, data: str) -> list[News]:
    """The rows that an event is about."""
    kind, read = _READERS.get(type_name, (None, None))
    if kind is None or read is None:
        return []
    try:
        return read(kind.model_validate_json(data))
    except ValidationError:
        return []
