"""Which node runs an account: assign, move and release, draining a whole node, and what is done when one is dead."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.pages.desk import Desk, act_of
from services.console.texts.catalogue import marked as _
from shared.contracts.assignments import MOST_ASSIGNED

ACTS = ("policy", "drain", "undrain", "revoke")


def assigning_pages(desk: Desk) -> APIRouter:
    """The questions, and the acts."""
    router = APIRouter(include_in_schema=False)

    @router.get("/accounts/{node_id}/{account_id}/assign")
    async def where(request: Request, node_id: str, account_id: str) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)
        assignment = await fleet.assignments.one(account_id)
        return await desk.ask(
            request, visitor, "account/assign.html", account_id=account_id, here=node_id, assignment=assignment,
            nodes=await fleet.nodes.hosts(), back=f"/accounts/{node_id}/{account_id}",
        )  # fmt: skip

    @router.post("/accounts/{node_id}/{account_id}/assign")
    async def assign(request: Request, node_id: str, account_id: str) -> Response:
        visitor = await desk.visitor(request)
        form = await desk.form(request)
        await desk.fleet(visitor).assignments.assign(account_id, form.one("to"))
        said = desk.told(request, _("It goes to %(node)s as soon as nobody else runs it."), node=form.one("to"))
        return desk.done(request, f"/accounts/{node_id}/{account_id}", said)

    @router.get("/accounts/{node_id}/{account_id}/release")
    async def whether(request: Request, node_id: str, account_id: str) -> Response:
        return await asked(request, node_id, account_id, "account/release.html")

    @router.post("/accounts/{node_id}/{account_id}/release")
    async def release(request: Request, node_id: str, account_id: str) -> Response:
        visitor = await desk.visitor(request)
        await desk.form(request)
        await desk.fleet(visitor).assignments.release(account_id)
        said = desk.told(request, _("Its node disconnects it and hands its login back."))
        return desk.done(request, f"/accounts/{node_id}/{account_id}", said)

    @router.get("/accounts/{node_id}/{account_id}/policy")
    async def wish(request: Request, node_id: str, account_id: str) -> Response:
        return await asked(request, node_id, account_id, "account/policy.html")

    @router.post("/accounts/{node_id}/{account_id}/policy")
    async def keep(request: Request, node_id: str, account_id: str) -> Response:
        visitor = await desk.visitor(request)
        form = await desk.form(request)
        await desk.fleet(visitor).assignments.set_account_policy(account_id, form.one("takeover") or None)
        return desk.done(request, f"/accounts/{node_id}/{account_id}", desk.told(request, _("Stored.")))

    @router.get("/nodes/{node_id}/{what}")
    async def ask(request: Request, node_id: str, what: str) -> Response:
        visitor = await desk.visitor(request)
        fleet = desk.fleet(visitor)
        node = await fleet.nodes.one(act_of(what, ACTS, "a node") and node_id)
        template = "node/policy.html" if what == "policy" else "node/ask.html"
        context = {"node": node, "what": what, "back": f"/nodes/{node_id}", "most": MOST_ASSIGNED}
        return await desk.ask(request, visitor, template, **context)

    @router.post("/nodes/{node_id}/{what}")
    async def act(request: Request, node_id: str, what: str) -> Response:
        visitor = await desk.visitor(request)
        form = await desk.form(request)
        fleet = desk.fleet(visitor)
        match act_of(what, ACTS, "a node"):
            case "policy":
                room = form.one("capacity")
                capacity = int(room) if room.isascii() and room.isdigit() and len(room) < 10 else room or None
                await fleet.assignments.set_node_policy(node_id, form.one("takeover"), capacity)
                said = _("Stored.")
            case "drain":
                await fleet.assignments.drain(node_id)
                said = _("It is being drained: its accounts go to other nodes.")
            case "undrain":
                await fleet.assignments.undrain(node_id)
                said = _("It may have accounts again.")
            case _:
                await fleet.enrolments.revoke(node_id)
                said = _("It is cut off. Its accounts stop when its lease ends.")
        return desk.done(request, f"/nodes/{node_id}", desk.told(request, said))

    async def asked(request: Request, node_id: str, account_id: str, template: str) -> Response:
        visitor = await desk.visitor(request)
        assignment = await desk.fleet(visitor).assignments.one(account_id)
        back = f"/accounts/{node_id}/{account_id}"
        return await desk.ask(request, visitor, template, account_id=account_id, assignment=assignment, back=back)

    return router
