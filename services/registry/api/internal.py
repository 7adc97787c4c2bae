"""`/internal`: what services ask each other. The origin forwards nothing to here; the services' token opens it."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints

from services.registry.domain.access_ports import AccessStore
from services.registry.domain.views import View
from services.registry.use_cases.tokens import Tokens
from shared.audit.chain import Entry, Phase
from shared.audit.log import AuditLog
from shared.http.fields import Body
from shared.http.recording import not_recorded
from shared.http.roles import Role, requires

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Whose(Body):
    """The SHA-256 of a token: the token itself stays where it came in."""

    hash: Hash


class Bearer(View):
    """Whose token it is; null for nobody's, and for one that has ended or was revoked."""

    name: str | None = None
    role: Role | None = None
    node_id: str | None = None


class FailedSignIn(Body):
    """Somebody came without a valid token. `others` came besides, since the last one that was told."""

    address: str = Field(max_length=100)
    method: str = Field(max_length=20)
    path: str = Field(max_length=500)
    request_id: str = Field(max_length=64)
    others: int = Field(ge=0)


def internal_router(tokens: Tokens, nodes: AccessStore, audit: AuditLog) -> APIRouter:
    """The router of what services ask. `nodes` knows the tokens that nodes were given when they joined."""
    router = APIRouter(
        prefix="/internal",
        include_in_schema=False,
        dependencies=[Depends(requires(Role.ADMIN)), Depends(not_recorded)],
    )

    @router.post("/whose-token")
    async def tell_bearer(body: Whose) -> Bearer:
        """The bearer of a token."""
        if (token := await tokens.whose(body.hash)) is not None:
            return Bearer(name=token.name, role=token.role)
        if (node_id := await nodes.node_of(body.hash)) is not None:
            return Bearer(name=f"node:{node_id}", role=Role.NODE, node_id=node_id)
        return Bearer()

    @router.post("/failed-sign-ins", status_code=204)
    async def note_failed_sign_in(body: FailedSignIn) -> None:
        """Put it into the audit log."""
        await audit.write(
            Entry(
                phase=Phase.SIGN_IN,
                request_id=body.request_id,
                actor="nobody",
                role=None,
                method=body.method,
                route="",
                path=body.path,
                subject={},
                fields={"others": body.others},
                status=401,
                problem="not-signed-in",
                address=body.address,
            )
        )

    return router
