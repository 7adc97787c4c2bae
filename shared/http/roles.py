"""Who asks, and what their role lets them do.

Routes are for viewers when they only read (GET, HEAD) and for operators otherwise; a route that needs more says so with
`Depends(requires(Role.ADMIN))`. A node's own doors say `Depends(requires(Role.NODE))`: they are for the node that they
name, and for admins. The actor is put into `request.state.actor` by the check of the bearer token; `allowed` runs after
it on every route, so that none is without a role.
"""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute

from shared.contracts.roles import ROOT, Actor, Role
from shared.http.problems import Problem

__all__ = ["ROOT", "Actor", "Requires", "Role", "actor_of", "allowed", "requires", "role_of", "roles_of", "speaks_for"]


class Requires:
    """The dependency that `requires` makes; its role is what the document shows."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> None:
        """Refuse whoever has a lesser role. Raises Problem."""
        _check(actor_of(request), self.role, request.path_params)


def requires(role: Role) -> Requires:
    """A dependency that refuses whoever has a lesser role."""
    return Requires(role)


async def allowed(request: Request) -> None:
    """A dependency that refuses whoever has a lesser role than the route needs. Raises Problem."""
    _check(actor_of(request), role_of(request.scope["route"]), request.path_params)


def actor_of(request: Request) -> Actor:
    """The actor of a request that has been let in."""
    actor: Actor = request.state.actor
    return actor


def speaks_for(request: Request, node_id: str) -> None:
    """Refuse a node that speaks in another one's name, where the name is in the body. Raises Problem."""
    _check(actor_of(request), Role.NODE, {"node_id": node_id})


def role_of(route: APIRoute) -> Role:
    """The role that a route needs."""
    said = [one.dependency.role for one in route.dependencies if isinstance(one.dependency, Requires)]
    if said:
        return said[-1]
    return Role.VIEWER if methods_of(route) <= {"GET", "HEAD"} else Role.OPERATOR


def methods_of(route: APIRoute) -> set[str]:
    """The methods of a route."""
    return route.methods or set()


def roles_of(router: APIRouter) -> dict[tuple[str, str], Role]:
    """The role that each operation of a router needs, by path and method."""
    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    return {(route.path, method): role_of(route) for route in routes for method in methods_of(route)}


def _check(actor: Actor, needed: Role, path: Mapping[str, str]) -> None:
    if not actor.role.includes(needed):
        detail = f"{actor.name} is {actor.role.value}: this needs the role {needed.value}"
        raise Problem(403, "not-allowed", detail)
    if actor.role is Role.NODE and path.get("node_id", actor.node_id) != actor.node_id:
        raise Problem(403, "not-allowed", f"{actor.name} speaks for node {actor.node_id} and for no other one")
