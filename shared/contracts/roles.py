"""Whoever asks, and the roles that they have."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What one may do. A `node` may only speak for itself; the other three include those before them."""

    NODE = "node"
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether who has this role may do what is for the other."""
        if other is Role.NODE:
            # Taking a node's orders away is no reading, and beating for it no operating.
            return self in (Role.NODE, Role.ADMIN)
        return self is not Role.NODE and _ORDER.index(self) >= _ORDER.index(other)


_ORDER = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


@dataclass(frozen=True)
class Actor:
    """Whoever sent a request: `name` is for the audit log, `node_id` is a node's own."""

    name: str
    role: Role
    node_id: str | None = None


ROOT = Actor("root", Role.ADMIN)
"""The bearer of the installation's own token, which makes the first tokens; and the services among themselves."""
