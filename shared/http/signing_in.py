"""Whose token a request has: the check of `Authorization: Bearer <token>`, and how the origin names the actor.

The origin decides who asks. It sends requests on with the services' own token and with the actor in the headers below;
a service believes them from the bearer of that token and from nobody else, and judges only what the actor may do.
Tokens are compared by their hashes and in constant time; they are neither logged nor stored.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from shared.contracts.identifiers import NODE_ID_PATTERN
from shared.http.problems import Problem
from shared.http.roles import ROOT, Actor, Role

ACTOR, ROLE, NODE = "x-callboard-actor", "x-callboard-role", "x-callboard-node"
# What begins so is said by the origin alone.
PREFIX = "x-callboard-"

# A token's name, or `node:` and the node's id. It must fit into a header.
ACTOR_PATTERN = r"[A-Za-z0-9_.@+:-]{1,80}"

Who = Callable[[Request, str], Awaitable[Actor | None]]
"""Whose token it is; None for nobody's. May raise Problem or Unavailable."""

_bearer = HTTPBearer(auto_error=False, description="the operator's token")


def bearer_check(who: Who) -> Callable[..., Awaitable[None]]:
    """A dependency that lets in whom `who` knows, and keeps it in `request.state.actor`."""

    async def check(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        actor = await who(request, given.credentials) if given else None
        if actor is None:
            raise Problem(
                401,
                "not-signed-in",
                "no such token, or it has ended or was revoked: send the header 'Authorization: Bearer <token>' with "
                "a valid one"
                if given
                else "send the header 'Authorization: Bearer <token>' with the operator's token",
            )
        request.state.actor = actor

    return check


def services_own(token: SecretStr) -> Who:
    """Knows the services' own token: its bearer is root, or whoever the origin says that it asks for."""
    expected = hash_of(token.get_secret_value())

    async def who(request: Request, given: str) -> Actor | None:
        if not hmac.compare_digest(hash_of(given), expected):
            return None
        return _named(request.headers) if any(name.startswith(PREFIX) for name in request.headers) else ROOT

    return who


def hash_of(token: str) -> str:
    """What is stored and compared of a token. Tokens are long and random, so one round is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def on_behalf_of(actor: Actor, token: SecretStr) -> list[tuple[bytes, bytes]]:
    """The headers of a request that the bearer of the services' `token` makes for the actor."""
    return [(b"authorization", f"Bearer {token.get_secret_value()}".encode()), *named(actor)]


def named(actor: Actor) -> list[tuple[bytes, bytes]]:
    """The actor as headers."""
    said = [(ACTOR, actor.name), (ROLE, actor.role.value)]
    if actor.node_id is not None:
        said.append((NODE, actor.node_id))
    return [(name.encode(), value.encode()) for name, value in said]


def _named(headers: Mapping[str, str]) -> Actor | None:
    """The actor of these headers; None when they do not name one, which lets nobody in."""
    name, role, node_id = headers.get(ACTOR, ""), headers.get(ROLE, ""), headers.get(NODE)
    if not re.fullmatch(ACTOR_PATTERN, name) or role not in list(Role):
        return None
    if (role == Role.NODE) != (node_id is not None) or not re.fullmatch(NODE_ID_PATTERN, node_id or "n"):
        return None
    return Actor(name, Role(role), node_id)
