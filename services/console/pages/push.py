"""Pushing a script to nodes, and taking it away: which nodes, and how; then the plan, which has to be approved.

The form is read by `rollout_form`. What is wrong in it, and what the deployer refuses, is told at its field.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.clients.api import Refused
from services.console.pages.desk import Desk, Form, Page
from services.console.pages.rollout_form import (
    CAUSES,
    DAYS,
    DEADLINES,
    OWN,
    STOPS,
    TRIED,
    Read,
    read_push,
    read_removal,
    refused_fields,
    unfolded,
)
from services.console.texts.catalogue import marked as _

# More nodes than that are chosen by label.
MOST_LISTED = 500
_MARKED = _("Nothing was planned: look at what is marked.")


@dataclass(frozen=True)
class Wrong:
    """What keeps a form from being a plan: by its fields, and what belongs to none of them."""

    status: int = 422
    text: str = _MARKED
    fields: Mapping[str, str] = field(default_factory=dict)
    refusal: Refused | None = None


def push_pages(desk: Desk) -> APIRouter:
    """The forms, and what comes of them."""
    router = APIRouter(include_in_schema=False)

    @router.get("/scripts/{script_id}/push")
    async def choose(request: Request, script_id: str) -> Response:
        return await show(request, script_id, Form({"version": [request.query_params.get("version", "")]}))

    @router.post("/scripts/{script_id}/push")
    async def plan(request: Request, script_id: str) -> Response:
        return await planned(request, script_id, removes=False)

    @router.get("/scripts/{script_id}/remove")
    async def choose_removal(request: Request, script_id: str) -> Response:
        return await show(request, script_id, Form({}), removes=True)

    @router.post("/scripts/{script_id}/remove")
    async def plan_removal(request: Request, script_id: str) -> Response:
        return await planned(request, script_id, removes=True)

    async def planned(request: Request, script_id: str, *, removes: bool) -> Response:
        visitor = await desk.visitor(request)
        form, deployments = await desk.form(request), desk.fleet(visitor).deployments
        read: Read = (read_removal if removes else read_push)(form, desk.clock.now())
        if read.mistakes:
            return await show(request, script_id, form, Wrong(fields=read.mistakes), removes=removes)
        try:
            order = deployments.plan_removal if removes else deployments.plan
            ordered = await order(script_id, read.order)
        except Refused as refused:
            return await show(request, script_id, form, wrong_of(refused), removes=removes)
        said = desk.told(request, _("This is the plan. Nothing is sent before it is started."))
        return desk.done(request, f"/deployments/{ordered.deployment_id}", said)

    async def show(
        request: Request, script_id: str, form: Form, wrong: Wrong | None = None, *, removes: bool = False
    ) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)
        script = await fleet.scripts.one(script_id)
        nodes = await fleet.nodes.page({}, None, MOST_LISTED)
        versions = {node.node_id: one.version for node in nodes.items for one in node.artifacts if one.id == script_id}
        # Who takes it away looks for the nodes that have it.
        listed = sorted(nodes.items, key=lambda node: node.node_id not in versions) if removes else nodes.items
        title = _("Remove %(script)s from nodes") if removes else _("Push %(script)s")
        title = desk.told(request, title, script=script_id)
        page = Page("push", title, (), "scripts", status=wrong.status if wrong else 200)
        fields = wrong.fields if wrong else {}
        return await desk.show(
            request, visitor, page, script=script, removes=removes, nodes=listed, versions=versions,
            more=nodes.next_cursor is not None, form=form, wrong=wrong, mistakes=fields, own=OWN,
            folded=not unfolded(form, fields), deadlines=[*DEADLINES, OWN], stops=STOPS, days=DAYS, causes=CAUSES,
            tried=TRIED,
        )  # fmt: skip

    return router


def wrong_of(refused: Refused) -> Wrong:
    """What the deployer refuses: at its fields, as far as they are in the form."""
    fields, left = refused_fields(refused)
    if fields and not left:
        return Wrong(refused.status, fields=fields)
    rest = Refused(refused.status, refused.slug, refused.detail, left)
    return Wrong(refused.status, refused.detail, fields, rest)
