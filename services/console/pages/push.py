"""Pushing a script to nodes: which nodes, in which groups, when to stop; then the plan, which has to be approved."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.clients.api import Refused
from services.console.pages.desk import Desk, Form, Page
from services.console.texts.catalogue import marked as _

# More nodes than that are chosen by label.
MOST_LISTED = 500
GROUPS: dict[str, list[int | str]] = {
    "careful": [1, "100%"],
    "steps": [1, "10%", "100%"],
    "at-once": ["100%"],
}
STOPS = ("20", "5", "50", "none")
DEADLINES = {"": None, "1h": 3600, "1d": 86_400, "7d": 604_800}


def push_pages(desk: Desk) -> APIRouter:
    """The form, and what comes of it."""
    router = APIRouter(include_in_schema=False)

    @router.get("/scripts/{script_id}/push")
    async def choose(request: Request, script_id: str) -> Response:
        return await show(request, script_id, Form({"version": [request.query_params.get("version", "")]}))

    @router.post("/scripts/{script_id}/push")
    async def plan(request: Request, script_id: str) -> Response:
        visitor = await desk.visitor(request)
        form = await desk.form(request)
        try:
            ordered = await desk.fleet(visitor).deployments.plan(script_id, order_of(form))
        except Refused as refused:
            return await show(request, script_id, form, refused)
        said = desk.told(request, _("This is the plan. Nothing is sent before it is started."))
        return desk.done(request, f"/deployments/{ordered.deployment_id}", said)

    async def show(request: Request, script_id: str, form: Form, refused: Refused | None = None) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)
        script = await fleet.scripts.one(script_id)
        nodes = await fleet.nodes.page({}, None, MOST_LISTED)
        title = desk.told(request, _("Push %(script)s"), script=script_id)
        page = Page("push", title, (), "scripts", status=refused.status if refused else 200)
        return await desk.show(
            request, visitor, page, script=script, nodes=nodes.items, more=nodes.next_cursor is not None,
            form=form, refusal=refused, deadlines=list(DEADLINES), stops=STOPS,
        )  # fmt: skip

    return router


def order_of(form: Form) -> dict[str, Any]:
    """The body of the order that the form means; what is missing in it, the deployer says."""
    rollout: dict[str, Any] = {"groups": GROUPS.get(form.one("groups"), GROUPS["careful"])}
    if form.one("stop") in STOPS and form.one("stop") != "none":
        rollout["stop"] = [{"failed_percent": int(form.one("stop")), "least": 1, "then": "pause"}]
    deadline = DEADLINES.get(form.one("deadline"))
    if deadline:
        rollout["deadline_seconds"] = deadline
    version = form.one("version")
    order: dict[str, Any] = {
        "version": int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None,
        "bind": "all" if form.one("bind") == "all" else None,
        "rollout": rollout,
    }
    if form.one("by") == "selector":
        return order | {"selector": form.one("selector")}
    return order | {"node_ids": form.many("node")}
