"""Deployments: how far each has come, and what can be done with it."""

from typing import Any, get_args

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.clients.api import Refused
from services.console.clients.deployments import Deployment, Steering
from services.console.pages.desk import Desk, Page, Region
from services.console.pages.listing import ROWS, read_listing
from services.console.texts.catalogue import marked as _
from shared.contracts.deployments import DeliveryState, DeploymentState

# So many nodes are named where a removal is confirmed.
NAMED = 20
FILTERS = ("script_id", "state")

_SAID: dict[str, str] = {
    "pause": _("Paused: nothing new is sent."),
    "resume": _("Resumed."),
    "abort": _("Aborted. What nodes have applied stays as it is."),
    "retry": _("It is tried again on the nodes that failed: this is their deployment."),
    "rollback": _("Nodes are brought back to the version that they had before."),
}


def deployments_pages(desk: Desk) -> APIRouter:
    """The list, one deployment, and its acts."""
    router = APIRouter(include_in_schema=False)

    @router.get("/deployments")
    async def deployments(request: Request) -> Response:
        visitor = await desk.visitor(request)
        listing, fleet = read_listing(request, FILTERS), desk.fleet(visitor)

        async def table() -> dict[str, Any]:
            return listing.told(await fleet.deployments.page(listing.question, listing.cursor, ROWS))

        regions = [Region("table", table, "deployments deliveries")]
        page = Page("deployments", desk.told(request, _("Deployments")), regions, "deployments")
        return await desk.show(request, visitor, page, listing=listing, all_states=list(DeploymentState))

    @router.get("/deployments/{deployment_id}")
    async def deployment(request: Request, deployment_id: str) -> Response:
        visitor = await desk.visitor(request)
        listing, fleet = read_listing(request, ()), desk.fleet(visitor)

        async def progress() -> dict[str, Any]:
            one = await fleet.deployments.one(deployment_id, None, 1)
            return {"deployment": one, "acts": acts_of(one), "in_window_only": waits_for_window(one)}

        async def deliveries() -> dict[str, Any]:
            one = await fleet.deployments.one(deployment_id, listing.cursor, ROWS)
            if one.state in (DeploymentState.PLANNED, DeploymentState.SCHEDULED):
                plan = await fleet.deployments.plan_of(deployment_id, listing.cursor, ROWS)
                return {"deployment": one, "plan": plan, "next": listing.next(plan.next_cursor), "listing": listing}
            return {"deployment": one, "plan": None, "next": listing.next(one.next_cursor), "listing": listing}

        regions = [
            Region("progress", progress, "deployments? deliveries?"),
            Region("deliveries", deliveries, "deployments? deliveries?"),
        ]
        page = Page("deployment", desk.told(request, _("Deployment")), regions, "deployments")
        return await desk.show(request, visitor, page, deployment_id=deployment_id)

    @router.get("/deployments/{deployment_id}/{what}")
    async def ask(request: Request, deployment_id: str, what: str) -> Response:
        visitor = await desk.visitor(request)
        deployments = desk.fleet(visitor).deployments
        one = await deployments.one(deployment_id, None, 1)
        # What is taken away is named where it is confirmed.
        plan = await deployments.plan_of(deployment_id, None, NAMED) if what == "approve" and one.removes else None
        return await desk.ask(
            request, visitor, f"deployment/ask_{_known(what)}.html", deployment=one, what=what, plan=plan,
            back=f"/deployments/{deployment_id}",
        )  # fmt: skip

    @router.post("/deployments/{deployment_id}/{what}")
    async def act(request: Request, deployment_id: str, what: str) -> Response:
        visitor = await desk.visitor(request)
        form, deployments = await desk.form(request), desk.fleet(visitor).deployments
        to = f"/deployments/{deployment_id}"
        if what == "approve":
            await deployments.approve(deployment_id, form.one("plan_hash"), form.one("even_if_changed") == "yes")
            return desk.done(request, to, desk.told(request, _("Started.")))
        if what == "rollback":
            back = await deployments.roll_back(deployment_id)
            to = f"/deployments/{back.deployments[0].deployment_id}" if len(back.deployments) == 1 else "/deployments"
        else:
            steered = await deployments.steer(deployment_id, _steering(what))
            to = f"/deployments/{steered.deployment_id}"
        return desk.done(request, to, desk.told(request, _SAID[what]))

    return router


def acts_of(deployment: Deployment) -> list[str]:
    """What can be done with a deployment in its state."""
    failed = deployment.totals.get(DeliveryState.FAILED, 0) + deployment.totals.get(DeliveryState.TIMED_OUT, 0)
    match deployment.state:
        case DeploymentState.PLANNED:
            return ["approve", "abort"]
        case DeploymentState.SCHEDULED:
            return ["abort"]
        case DeploymentState.RUNNING:
            return ["pause", "abort", "rollback"]
        case DeploymentState.PAUSED:
            return ["resume", "abort", "rollback"]
        case DeploymentState.CANCELED:
            return []
        case _:
            return ["retry", "rollback"] if failed else ["rollback"]


def waits_for_window(deployment: Deployment) -> bool:
    """Whether it runs, and only the hours of its window hold it up."""
    if deployment.state is not DeploymentState.RUNNING or deployment.rollout.window is None:
        return False
    held = sum(group.held for group in deployment.groups)
    return 0 < held == sum(count for state, count in deployment.totals.items() if not state.final)


def _known(what: str) -> str:
    if what != "approve":
        _steering(what)
    return what


def _steering(what: str) -> Steering:
    for one in get_args(Steering):
        if one == what:
            known: Steering = one
            return known
    raise Refused(404, "no-such-act", f"nothing called {what[:40]!r} can be done with a deployment")
