"""Who asks, and what their role lets them do.

Routes are for viewers when they only read (GET, HEAD) and for operators otherwise; a route that needs more says so with
`Depends(requires(Role.ADMIN))`. The actor is put into `request.state.actor` by the check of the bearer token.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from fastapi import Request

from shared.http.problems import Problem


class Role(StrEnum):
    """What one may do; each includes those before it. A `node` may only speak for itself."""

    NODE = "node"
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether who has this role may do what is for the other."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True)
class Actor:
    """Whoever sent the request: `name` is for the audit log, `node_id` is a node's own."""

    name: str
    role: Role
    node_id: str | None = None


def actor_of(request: Request) -> Actor:
    """The actor of a request that has been let in."""
    actor: Actor = request.state.actor
    return actor


def requires(role: Role) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses whoever has a lesser role."""

    async def check(request: Request) -> None:
        actor = actor_of(request)
        if not actor.role.includes(role):
            raise Problem(403, "not-allowed", f"{actor.name} is {actor.role.value}: this needs the role {role.value}")

    return check
