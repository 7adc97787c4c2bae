"""All pages and their files, put into the origin's application."""

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from services.console.pages import problems
from services.console.pages.accounts import accounts_pages
from services.console.pages.assigning import assigning_pages
from services.console.pages.audit import audit_pages
from services.console.pages.changing import changing_pages
from services.console.pages.dead_letters import dead_letters_pages
from services.console.pages.deployments import deployments_pages
from services.console.pages.desk import Desk
from services.console.pages.drift import drift_pages
from services.console.pages.enrolling import enrolling_pages
from services.console.pages.events import events_pages
from services.console.pages.keys import keys_pages
from services.console.pages.nodes import nodes_pages
from services.console.pages.overview import overview_pages
from services.console.pages.push import push_pages
from services.console.pages.screen import STATIC
from services.console.pages.scripts import scripts_pages
from services.console.pages.servers import servers_pages
from services.console.pages.session_logins import session_logins_pages
from services.console.pages.sessions import sessions_pages
from services.console.pages.sign_in import sign_in_pages
from services.console.pages.stream import stream_pages
from services.console.pages.tokens import tokens_pages
from services.console.pages.vault import vault_pages

PAGES = (
    sign_in_pages,
    stream_pages,
    overview_pages,
    accounts_pages,
    enrolling_pages,
    nodes_pages,
    assigning_pages,
    changing_pages,
    vault_pages,
    session_logins_pages,
    sessions_pages,
    servers_pages,
    scripts_pages,
    push_pages,
    deployments_pages,
    drift_pages,
    events_pages,
    dead_letters_pages,
    audit_pages,
    tokens_pages,
    keys_pages,
)


class _Kept(StaticFiles):
    """Files whose address changes with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        response.headers["x-content-type-options"] = "nosniff"
        return response


def install(api: FastAPI, desk: Desk) -> None:
    """Give the application its pages."""
    problems.install(api, desk)
    for pages in PAGES:
        api.include_router(pages(desk))
    api.mount(desk.screen.assets, _Kept(directory=STATIC))
