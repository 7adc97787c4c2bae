"""Which script an account plays: a push to its node alone, for this account alone, with the plan before it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.pages.desk import Desk
from services.console.texts.catalogue import marked as _

MOST_LISTED = 500


def changing_pages(desk: Desk) -> APIRouter:
    """The question and the plan."""
    router = APIRouter(include_in_schema=False)

    @router.get("/accounts/{node_id}/{account_id}/script")
    async def which(request: Request, node_id: str, account_id: str) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)
        return await desk.ask(
            request, visitor, "account/script.html", account=await fleet.accounts.one(node_id, account_id),
            scripts=(await fleet.scripts.page(None, MOST_LISTED)).items, back=f"/accounts/{node_id}/{account_id}",
        )  # fmt: skip

    @router.post("/accounts/{node_id}/{account_id}/script")
    async def plan(request: Request, node_id: str, account_id: str) -> Response:
        visitor = await desk.visitor(request)
        form = await desk.form(request)
        order = {"node_ids": [node_id], "bind": [account_id]}
        ordered = await desk.fleet(visitor).deployments.plan(form.one("script_id"), order)
        said = desk.told(request, _("This is the plan. Nothing is sent before it is started."))
        return desk.done(request, f"/deployments/{ordered.deployment_id}", said)

    return router
