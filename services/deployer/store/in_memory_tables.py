"""The tables of the store in memory."""

from dataclasses import dataclass, field, fields
from typing import Any

from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployments import Deployment
from services.deployer.domain.desired import Desired
from services.deployer.domain.desired_rows import DesiredKey
from services.deployer.domain.installations import Installation
from services.deployer.domain.nodes import Node
from services.deployer.domain.plans import PlanEntry
from services.deployer.domain.scripts import ScriptVersion
from services.deployer.domain.servers import Server
from services.deployer.domain.signing_keys import Keys
from services.deployer.store.in_memory_sessions import VaultTables
from shared.contracts.bindings import Bindings


@dataclass
class Tables:
    """All of them."""

    scripts: dict[str, list[ScriptVersion]] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    plans: dict[str, list[PlanEntry]] = field(default_factory=dict)
    bindings: dict[str, Bindings] = field(default_factory=dict)
    desired: dict[DesiredKey, Desired] = field(default_factory=dict)
    verified_bindings: dict[str, Bindings | None] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    logins: dict[str, bytes] = field(default_factory=dict)
    installations: dict[str, Installation] = field(default_factory=dict)
    vault: VaultTables = field(default_factory=VaultTables)
    # One value, under one key.
    keys: dict[str, Keys] = field(default_factory=dict)

    def copy(self) -> "Tables":
        """A snapshot: the rows are frozen."""
        copies: dict[str, Any] = {one.name: getattr(self, one.name).copy() for one in fields(self)}
        for name in ("scripts", "plans"):
            copies[name] = {key: list(values) for key, values in copies[name].items()}
        return Tables(**copies)
