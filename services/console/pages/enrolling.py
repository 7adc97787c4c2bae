"""Letting a machine join: a one-time token, shown once, with the command in which it is used."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.clients.api import Refused
from services.console.pages.desk import Desk, Form
from services.console.texts.catalogue import marked as _

VALID = {"900": _("a quarter of an hour"), "3600": _("an hour"), "86400": _("a day")}


def enrolling_pages(desk: Desk) -> APIRouter:
    """The question and its answer. Its paths come before those of single nodes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/nodes/enrol")
    async def ask(request: Request) -> Response:
        visitor = await desk.visitor(request)
        return await desk.ask(request, visitor, "nodes/enrol.html", valid=VALID, back="/nodes")

    @router.post("/nodes/enrol")
    async def give_out(request: Request) -> Response:
        visitor = await desk.visitor(request)
        form = await desk.form(request)
        given = await desk.fleet(visitor).enrolments.give_out(_body(form))
        address = str(request.base_url).rstrip("/")
        return await desk.ask(request, visitor, "nodes/enrolled.html", given=given, address=address, back="/nodes")

    return router


def _body(form: Form) -> dict[str, Any]:
    seconds = form.one("valid_seconds")
    return {
        "node_id": form.one("node_id") or None,
        "labels": _labels(form.one("labels")),
        "valid_seconds": int(seconds) if seconds in VALID else 3600,
    }


def _labels(text: str) -> dict[str, str]:
    """`site=tokyo, tier=test` as labels. Raises Refused for anything else."""
    labels = {}
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, value = piece.partition("=")
        if not equals:
            raise Refused(422, "bad-label", f"{piece[:60]!r} is no label: write it as site=tokyo")
        labels[name.strip()] = value.strip()
    return labels
