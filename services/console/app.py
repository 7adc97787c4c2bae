"""Builds the console: the only place where its parts are constructed and wired.

Who asks is decided here; what they may do, by the service that a request is forwarded to. Open are health, the API
document with its page, and signed downloads; the operator's pages are for whoever has signed in. Each service has a
connection pool of its own, so that one that hangs does not take the others' connections.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import httpx
from fastapi import Depends, FastAPI
from starlette.staticfiles import StaticFiles

from services.console.api.documents import ApiDocument, Chapters, document_router
from services.console.api.pages import ASSETS, pages_router, swagger_files
from services.console.api.proxy import polls_of, proxy_router, signed_router
from services.console.api.readiness import upstreams_ready
from services.console.api.signing_in import RegistryDesk, SignIn
from services.console.clients.accounts import Accounts
from services.console.clients.api import Api
from services.console.domain.upstreams import LARGER_BODIES, Upstream, upstreams
from services.console.live.follow import Follower, Registry
from services.console.live.hub import Hub
from services.console.live.rates import Rates
from services.console.live.window import EventWindow
from services.console.pages import site
from services.console.pages.desk import Desk
from services.console.pages.screen import Screen
from services.console.session import Sessions
from services.console.settings import ConsoleSettings
from shared.clock import Clock
from shared.contracts.parcels import LARGEST_PARCEL
from shared.contracts.roles import ROOT
from shared.http import create_api
from shared.http.questions import understood
from shared.http.signing_in import bearer_check, on_behalf_of
from shared.randomness import SystemRandomness
from shared.tls import needed, trusting_file
from shared.version import installed_version

TITLE = "Callboard"
# Event streams hold a connection each for as long as somebody watches.
MOST_CONNECTIONS = 300
# Nodes without AMQP hold one each for as long as they live. Apart from the others, so that they cannot crowd them out;
# the registry refuses beyond its own bound.
MOST_POLLS = 2000
# Uvicorn closes an idle connection after five seconds; one that we drop before is never found closed under a request.
IDLE_SECONDS = 3.0
# An event stream has a comment every 15 seconds and a long poll ends after 30; an upstream that says nothing for a
# minute is gone.
TIMEOUTS = httpx.Timeout(connect=3.0, read=60.0, write=30.0, pool=5.0)


def build_api(settings: ConsoleSettings, clock: Clock) -> FastAPI:
    """The console's HTTP application."""
    behind = upstreams(settings.registry_url, settings.deployer_url)
    trust = trusting_file(settings.ca_file)
    clients = {one.name: _client(MOST_CONNECTIONS, needed(one.url, trust)) for one in behind}
    clients |= {polls_of(one.name): _client(MOST_POLLS, needed(one.url, trust)) for one in behind if one.polled}
    version = installed_version()
    sign_in = SignIn(settings.token, RegistryDesk(behind[0], clients[behind[0].name], settings.token), clock)
    desk = _desk(settings, behind, clients, sign_in, clock)
    api = create_api(
        TITLE,
        version=version,
        token=settings.token,
        ready=upstreams_ready(behind, clients),
        document=False,
        lifespan=_living(desk, _follower(desk, settings, clock)),
        largest_body=LARGEST_PARCEL,
        larger_bodies=LARGER_BODIES,
    )
    proxy = proxy_router(behind, clients, sign_in, settings.token)
    api.include_router(proxy, dependencies=[Depends(bearer_check(sign_in))])
    api.include_router(signed_router(behind, clients))
    chapters = [Chapters(upstream, clients[upstream.name], clock) for upstream in behind]
    document = document_router(ApiDocument(TITLE, version, chapters, api.openapi))
    for router in (document, pages_router()):
        api.include_router(router, dependencies=[Depends(understood)])
    api.mount(ASSETS, StaticFiles(directory=swagger_files()))
    site.install(api, desk)
    return api


def _desk(
    settings: ConsoleSettings,
    behind: tuple[Upstream, ...],
    clients: dict[str, httpx.AsyncClient],
    sign_in: SignIn,
    clock: Clock,
) -> Desk:
    hub = Hub()
    own = Api(behind, clients, on_behalf_of(ROOT, settings.token))
    return Desk(
        upstreams=behind,
        clients=clients,
        sessions=Sessions(settings.token, clock),
        sign_in=sign_in,
        token=settings.token,
        screen=Screen(installed_version()),
        hub=hub,
        window=EventWindow(hub, clock),
        rates=Rates(Accounts(own).summary, hub, clock),
        clock=clock,
    )


def _follower(desk: Desk, settings: ConsoleSettings, clock: Clock) -> Follower:
    registry = Registry(desk.clients["registry"], settings.registry_url, settings.token.get_secret_value())
    return Follower(registry, desk.hub, desk.window, clock, SystemRandomness())


def _client(most: int, trust: ssl.SSLContext | bool) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=most, max_keepalive_connections=20, keepalive_expiry=IDLE_SECONDS)
    # trust_env: a proxy named in the environment is for the world, not for the services next door.
    return httpx.AsyncClient(limits=limits, timeout=TIMEOUTS, trust_env=False, verify=trust)


def _living(desk: Desk, follower: Follower) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for client in desk.clients.values():
                stack.push_async_callback(client.aclose)
            for name, job in (("follow events", follower.run), ("rates", desk.rates.run)):
                stack.push_async_callback(_ended, asyncio.create_task(job(), name=name))
            stack.push_async_callback(desk.sign_in.close)
            yield

    return lifespan


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
