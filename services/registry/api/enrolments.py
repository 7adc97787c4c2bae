"""Who may be a node: tokens to join with, joining, and revoking.

Joining is open: its one-time token is its authorisation. It is bounded, because anybody may try.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, status
from pydantic import ConfigDict, Field, Strict, StringConstraints

from services.registry.domain.enrolments import KeyPair, NotAdmitted
from services.registry.domain.views import View
from services.registry.use_cases.cut_off import CutOff
from services.registry.use_cases.enrol_nodes import EnrolNodes, Joining
from services.registry.use_cases.revoke_node import RevokeNode
from shared.audit.chain import Entry, Phase
from shared.audit.log import AuditLog
from shared.clock import Clock
from shared.contracts.enrolments import ENROL_PATH, Enrolled
from shared.contracts.heartbeats import MOST_LABELS
from shared.contracts.identifiers import Label, NodeId
from shared.contracts.keys import PublicKey
from shared.contracts.signed import SignatureValue
from shared.http import Problem
from shared.http.allowance import Allowance
from shared.http.fields import Body
from shared.http.recording import address_of
from shared.http.responses import AWAY, joined, problems
from shared.http.roles import Role, actor_of, requires

A_DAY = 86_400
LONGEST = 30 * A_DAY
# Joining is rare, and each try is a transaction: a fleet of a thousand machines is through in twenty seconds.
JOINS_AT_ONCE = 100
JOINS_A_MINUTE = 3_000.0
# Of refusals, so many have a row in the audit log.
MOST_REFUSALS, REFUSALS_A_MINUTE = 30, 10.0

# Of what is known of the token: nobody without one learns more.
_STATUS = {"no-such-enrolment": 401, "keys-not-proven": 401, "node-exists": 409, "node-id-needed": 422}

REFUSED = problems(
    (401, "no-such-enrolment", "nobody has given out this token"),
    (401, "keys-not-proven", "the proof is not a signature of the signing key"),
    (403, "enrolment-ended", "the token has ended"),
    (403, "enrolment-used", "the token was used by another machine, or its node was revoked since"),
    (403, "other-node", "the token is for another node"),
    (409, "node-exists", "there is a node of this id already, and the token does not name it"),
    (422, "node-id-needed", "the host's name makes no node id, and none was given"),
    (429, "too-many-joins", "many machines join at this moment: try again in a few seconds"),
)


class EnrolmentRequest(Body):
    """Who may join. Without `node_id` the machine's host name becomes it, or what the machine asks for."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"node_id": "tokyo-1", "labels": {"site": "tokyo"}, "valid_seconds": 3600}, {}]}
    )

    node_id: NodeId | None = Field(
        default=None, description="the node that the machine becomes; it replaces the one that has this id"
    )
    labels: dict[Label, Label] = Field(default_factory=dict, max_length=MOST_LABELS, description="of the new node")
    valid_seconds: Annotated[int, Strict()] = Field(
        default=A_DAY, ge=60, le=LONGEST, description="when the token ends, from now"
    )


class EnrolmentGiven(View):
    """A token, shown this once. It lets one machine join, until it ends."""

    enrolment_id: str
    token: str
    node_id: str | None
    labels: dict[str, str]
    expires_at: datetime


class JoinRequest(Body):
    """A machine that wants to join. It keeps the private halves of its keys."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=255)] = Field(description="from an enrolment")
    sealing_key: PublicKey = Field(description="X25519: logins for this node are sealed to it; 32 bytes in base64")
    signing_key: PublicKey = Field(description="Ed25519; 32 bytes in base64")
    proof: SignatureValue = Field(
        description="the signing key's signature of `callboard enrolment`, the token and both keys, each in a line of "
        "its own"
    )
    hostname: str = Field(default="", max_length=255, description="becomes the node's id if nothing else does")
    agent_version: str = Field(default="", max_length=64, description="for people")
    node_id: NodeId | None = Field(default=None, description="the id that the machine would like to have")


class NodeRevoked(View):
    """The node is cut off."""

    model_config = ConfigDict(from_attributes=True)

    node_id: str
    revoked_at: datetime
    revoked_by: str


def enrolments_router(enrol: EnrolNodes, revoke: RevokeNode) -> APIRouter:
    """Tokens to join with, and revoking."""
    router = APIRouter(prefix="/api/v1/workers", tags=["workers"], responses=AWAY)

    # Whoever lets a machine in can have accounts given to it, and so their logins: an admin's, as taking them out is.
    @router.post(
        "/enrolments",
        status_code=status.HTTP_201_CREATED,
        summary="Let a machine join",
        dependencies=[Depends(requires(Role.ADMIN))],
    )
    async def give_out_enrolment(request: Request, body: EnrolmentRequest) -> EnrolmentGiven:
        """A one-time token. On the machine, `callboard-agent join URL TOKEN` makes a node of it."""
        lasts = timedelta(seconds=body.valid_seconds)
        invited = await enrol.invite(body.node_id, body.labels, lasts, actor_of(request).name)
        one = invited.enrolment
        return EnrolmentGiven(
            enrolment_id=one.enrolment_id,
            token=invited.token,
            node_id=one.node_id,
            labels=one.labels,
            expires_at=one.expires_at,
        )

    @router.post(
        "/{node_id}/revoke",
        summary="Cut a node off",
        responses=problems((404, "not-enrolled", "no node of this id has ever joined")),
    )
    async def revoke_node(
        request: Request, node_id: Annotated[NodeId, Path(description="the node's id", examples=["tokyo-1"])]
    ) -> NodeRevoked:
        """Ends everything that the node was given when it joined: its connections to the broker are closed and its
        login is removed at once, its token opens nothing any more, and its lease is not renewed.

        Its accounts stop with the lease. It may join again with a token that names it.
        """
        node = await revoke(node_id, actor_of(request).name)
        if node is None:
            detail = f"no node {node_id!r} has ever joined: `callboard nodes list` shows all that have reported"
            raise Problem(404, "not-enrolled", detail)
        return NodeRevoked.model_validate(node)

    return router


def join_router(enrol: EnrolNodes, audit: AuditLog, clock: Clock) -> APIRouter:
    """The open door. Who joined, and who was refused, is in the audit log; the token is not."""
    router = APIRouter(tags=["workers"])
    joins = Allowance(JOINS_AT_ONCE, JOINS_A_MINUTE, 1, clock.monotonic)
    refusals = Allowance(MOST_REFUSALS, REFUSALS_A_MINUTE, 1, clock.monotonic)

    @router.post(ENROL_PATH, summary="Join as a node", responses=joined(REFUSED, AWAY))
    async def join_fleet(request: Request, body: JoinRequest) -> Enrolled:
        """What a machine needs to be a node, for a one-time token: its id, its own login at the broker, its own token,
        the keys that orders are signed with, and whom to trust.

        The same machine may ask again with the same token and keys until the token ends, if the answer got lost: it is
        given new secrets. It needs no `Authorization`.
        """
        if not joins.take(""):
            raise Problem(429, "too-many-joins", "many machines join at this moment: try again in a few seconds")
        outcome = await enrol(_joining(body))
        # Anybody may try: who is refused again and again fills no disk.
        if isinstance(outcome, Enrolled) or refusals.take(""):
            await audit.write(_entry(request, body, outcome))
        if isinstance(outcome, NotAdmitted):
            raise Problem(_STATUS.get(outcome.slug, 403), outcome.slug, outcome.reason)
        return outcome

    return router


def refuse_revoked(cut_off: CutOff, node_id: str) -> None:
    """Nobody speaks for a node that was revoked. Raises Problem."""
    if node_id in cut_off:
        detail = f"node {node_id!r} was revoked: `callboard nodes enroll --node-id {node_id}` lets it join again"
        raise Problem(403, "node-revoked", detail)


def _entry(request: Request, body: JoinRequest, outcome: Enrolled | NotAdmitted) -> Entry:
    refused = outcome if isinstance(outcome, NotAdmitted) else None
    return Entry(
        phase=Phase.SIGN_IN,
        request_id=request.state.request_id,
        actor="nobody" if isinstance(outcome, NotAdmitted) else f"node:{outcome.node_id}",
        role=None if refused else Role.NODE.value,
        method="POST",
        route=ENROL_PATH,
        path=ENROL_PATH,
        subject={},
        fields={"node_id": body.node_id, "host": body.hostname},
        status=200 if refused is None else _STATUS.get(refused.slug, 403),
        problem=None if refused is None else refused.slug,
        address=address_of(request.scope),
    )


def _joining(body: JoinRequest) -> Joining:
    given: dict[str, Any] = body.model_dump(exclude={"sealing_key", "signing_key"})
    return Joining(keys=KeyPair(body.sealing_key, body.signing_key), **given)
