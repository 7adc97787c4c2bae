"""`/api/v1/group-ai/keys`: the keys that orders are signed with, their rotation, and signing an order by hand."""

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel

from services.deployer.domain.signing_keys import Keys, KeyState, NoKeys, Purpose, RotationRuns
from services.deployer.use_cases.keys import DeployerKeys
from shared.contracts.deliveries import DeliverArtifact, ForgetDelivery, RemoveArtifact
from shared.contracts.signed import SignedContract
from shared.http import Problem
from shared.http.responses import AWAY, joined, problems
from shared.http.roles import Role, requires
from shared.messaging import Unavailable
from shared.messaging.decoding import Unreadable, decode
from shared.signing import Signer

PREFIX = "/api/v1/group-ai/keys"
# Orders that a person may give by hand. Which keys nodes trust is no such order.
BY_HAND: tuple[type[SignedContract], ...] = (DeliverArtifact, RemoveArtifact, ForgetDelivery)

_ORDER: dict[str, Any] = {
    "node_id": "tokyo-1",
    "delivery_id": "dlv_0123456789abcdef0123456789abcdef",
    "attempt": 1,
    "artifact": {"kind": "script", "id": "greeter", "version": 3, "hash": "sha256:" + "ab" * 32},
    "size": 11,
    "content": "id: greeter",
    "issued_at": "2026-01-01T12:00:00Z",
}


class KeyView(BaseModel):
    """One key, by its public half. `state` of a signing key: `next`, `current`, `former` or `retired`."""

    key_id: str
    purpose: Purpose
    state: KeyState
    created_at: datetime
    changed_at: datetime


class KeysView(BaseModel):
    """All that are kept. `serial` names what nodes shall trust; a node tells the one that it goes by."""

    serial: int
    keys: list[KeyView]


def keys_router(keys: DeployerKeys) -> APIRouter:
    """The keys' router."""
    router = APIRouter(prefix=PREFIX, tags=["keys"], responses=AWAY)

    @router.get("", summary="List the keys")
    async def list_keys() -> KeysView:
        """The deployer's keys, the newest first. Private halves are never shown."""
        return _shown(await _read(keys))

    @router.post(
        "/rotate",
        summary="Change the signing key",
        dependencies=[Depends(requires(Role.ADMIN))],
        responses=problems((409, "rotation-runs", "the one before has not ended; the detail says what it waits for")),
    )
    async def rotate_keys() -> KeysView:
        """Bring in a new signing key. Nodes are told of it with the present one; when all that are online trust both,
        orders are signed with the new one, and some minutes later the old one is trusted no more.

        A node that is away meanwhile is told when it comes back, with the last key that it trusts.
        """
        await _read(keys)
        outcome = await keys.rotate()
        if isinstance(outcome, RotationRuns):
            raise Problem(409, "rotation-runs", f"a rotation is on its way: it waits until {outcome.waits_for}")
        return _shown(outcome)

    @router.post(
        "/sign",
        summary="Sign an order",
        dependencies=[Depends(requires(Role.ADMIN))],
        responses=joined(problems((422, "no-order", "the body is no order that can be given by hand"))),
    )
    async def sign_order(
        order: Annotated[dict[str, Any], Body(description="the order's JSON, whole", examples=[_ORDER])],
    ) -> dict[str, Any]:
        """The order with the deployer's signature, as nodes take it: to be typed into the broker's management console,
        for instance. `node.deliver-artifact.v1`, `node.remove-artifact.v1` and `node.forget-delivery.v1` can be signed.
        """
        return signed_by_hand(order, (await _signer(keys)))

    return router


def signed_by_hand(order: dict[str, Any], signer: Signer) -> dict[str, Any]:
    """The order as it was given, with its signature. Raises Problem."""
    unsigned = {name: value for name, value in order.items() if name != "signature"}
    body = json.dumps(unsigned).encode()
    message = decode(body, type_name=None, routing_key="", accepted=BY_HAND)
    if isinstance(message, Unreadable):
        raise Problem(422, "no-order", message.reason)
    assert isinstance(message, SignedContract)
    signature = signer.sign(message).signature
    assert signature is not None
    return unsigned | {"signature": signature.model_dump()}


async def _read(keys: DeployerKeys) -> Keys:
    await keys.refresh()
    try:
        return keys.opened.keys
    except NoKeys as error:
        raise Unavailable(str(error)) from error


async def _signer(keys: DeployerKeys) -> Signer:
    await _read(keys)
    return keys.signer()


def _shown(keys: Keys) -> KeysView:
    views = [KeyView.model_validate(key, from_attributes=True) for key in reversed(keys.keys)]
    return KeysView(serial=keys.trusted.serial, keys=views)
