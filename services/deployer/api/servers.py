"""`/api/v1/group-ai/servers`: servers that are reached by SSH. No answer ever holds a login."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, TypeAdapter

from services.deployer.api.scripts import NO_SCRIPT, NO_VERSION, no_such_script, no_such_version
from services.deployer.api.server_body import (
    INSTALLING,
    NONE_YET,
    OTHER_KEY,
    REACHED,
    REGISTERED,
    SCANNED,
    UNCONFIRMED,
    UNKNOWN,
    UNREADABLE,
    ConfirmBody,
    InstallBody,
    NewLoginBody,
    PushBody,
    ServerBody,
    no_such_server,
    not_reached,
    told,
)
from services.deployer.domain.installations import Installation, InstallState
from services.deployer.domain.reaching import AgentFound, Greeting, Placed, ServerStatus
from services.deployer.domain.server_problems import ServerProblem, Trouble
from services.deployer.domain.servers import OtherFingerprint, Server, ServerState
from services.deployer.use_cases.install_agent import InstallAgent, InstallRuns, NoBundle, NoNode
from services.deployer.use_cases.servers import (
    LinkExists,
    NoScript,
    NoSuchServer,
    ReachServers,
    RegisterServers,
    ServerExists,
)
from shared.contracts.identifiers import ServerId
from shared.http import Problem
from shared.http.paging import Cursor, Limit, NextCursor, cursor_of, place_of
from shared.http.responses import AWAY, joined

PREFIX = "/api/v1/group-ai/servers"
Id = Annotated[ServerId, Path(description="the server's id", examples=["tokyo-1"])]
_PLACE = TypeAdapter(tuple[ServerId])
_TO_SERVER = joined(UNKNOWN, UNCONFIRMED, REACHED)


class HostKeyView(BaseModel):
    """The key that the server shows: compare its fingerprint with the server's own before confirming it."""

    algorithm: str
    fingerprint: str
    public_key: str


class ServerView(BaseModel):
    """A server. `login` says how one logs in there, and no more."""

    server_id: str
    host: str
    port: int
    user: str
    login: Literal["key", "password", "agent"]
    directory: str
    node_id: str | None
    link: bool
    state: ServerState
    host_key: HostKeyView
    created_at: datetime
    updated_at: datetime


class ServerPage(BaseModel):
    """A page of servers, by id."""

    items: list[ServerView]
    next_cursor: NextCursor


class GreetingView(BaseModel):
    """A login that worked."""

    server_id: str
    software: str = Field(description="what the server calls its SSH")
    connect_ms: float = Field(description="connection, key exchange and login")
    latency_ms: float = Field(description="one question and its answer over the open connection")


class AgentView(BaseModel):
    """The agent, by its status file and its process. Null is what could not be told."""

    running: bool | None
    version: str | None
    node_id: str | None
    beat_at: str | None
    broker: str | None
    lease: str | None


class ServerStatusView(GreetingView):
    """A look at a server. What it does not tell is null, and `unknown` has the reason."""

    reachable: Literal[True] = True
    load: list[float] | None = Field(description="of the last 1, 5 and 15 minutes")
    memory_total: int | None = Field(description="bytes")
    memory_available: int | None = Field(description="bytes")
    disk_total: int | None = Field(description="bytes, where the server's directory is")
    disk_free: int | None = Field(description="bytes that the user may still fill")
    uptime_seconds: float | None
    agent: AgentView | None
    unknown: dict[str, str]


class PlacedView(BaseModel):
    """A file in its place. The hash is of what was read back from the server."""

    server_id: str
    script_id: str
    path: str
    hash: str
    size: int


class Removed(BaseModel):
    """A server that is forgotten here; nothing was changed on it."""

    server_id: str


class InstallationView(BaseModel):
    """An installation of the agent. `detail` says how it ended, and what to do if it failed."""

    server_id: str
    state: InstallState
    step: str = Field(description="connect, upload, environment, start")
    version: str
    started_at: datetime
    finished_at: datetime | None
    detail: str | None
    trouble: Trouble | None


def servers_router(register: RegisterServers, reach: ReachServers, install: InstallAgent) -> APIRouter:
    """The router of servers."""
    router = APIRouter(prefix=PREFIX, tags=["servers"], responses=AWAY)

    @router.post("", status_code=201, summary="Add a server", responses=joined(REGISTERED, SCANNED))
    async def add_server(body: ServerBody) -> ServerView:
        """Register a server and show its host key. Nobody logs in there before the key's fingerprint is confirmed."""
        outcome = await register.add(body.asked())
        match outcome:
            case Server():
                return _view(outcome)
            case ServerExists():
                detail = f"there is a server {body.server_id!r}: choose another id, or remove that one first"
                raise Problem(409, "server-exists", detail)
            case LinkExists():
                detail = f"another server has the link of node {body.node_id!r}: a node has one, remove that one first"
                raise Problem(409, "link-exists", detail)
            case ServerProblem():
                raise told(outcome)

    @router.get("", summary="List servers")
    async def list_servers(limit: Limit = 100, cursor: Cursor = None) -> ServerPage:
        """Servers by id, as they are stored; no server is asked."""
        place = place_of(cursor, _PLACE)
        found = await register.page(place[0] if place else None, limit + 1)
        items = [_view(one) for one in found[:limit]]
        return ServerPage(items=items, next_cursor=cursor_of(items[-1].server_id) if len(found) > limit else None)

    @router.get("/{server_id}", summary="Read a server", responses=UNKNOWN)
    async def read_server(server_id: Id) -> ServerView:
        """A server as it is stored."""
        found = await register.one(server_id)
        if found is None:
            raise no_such_server(server_id)
        return _view(found)

    @router.put("/{server_id}/login", summary="Change how one logs in", responses=joined(UNKNOWN, UNREADABLE))
    async def change_login(server_id: Id, body: NewLoginBody) -> ServerView:
        """Log in with this from now on. The server stays as it is: its confirmed host key, its link, its agent."""
        outcome = await register.change_login(server_id, body.login(), body.user)
        match outcome:
            case Server():
                return _view(outcome)
            case NoSuchServer():
                raise no_such_server(server_id)
            case ServerProblem():
                raise told(outcome)

    @router.delete("/{server_id}", summary="Remove a server", responses=UNKNOWN)
    async def remove_server(server_id: Id) -> Removed:
        """Forget a server and its login. Nothing is changed on it: an agent that runs there runs on."""
        if not await register.remove(server_id):
            raise no_such_server(server_id)
        return Removed(server_id=server_id)

    @router.post("/{server_id}/scan", summary="Scan a server's host key again", responses=joined(UNKNOWN, SCANNED))
    async def scan_server(server_id: Id) -> ServerView:
        """See which host key the server shows now. Another one than before has to be confirmed."""
        outcome = await register.scan(server_id)
        match outcome:
            case Server():
                return _view(outcome)
            case NoSuchServer():
                raise no_such_server(server_id)
            case ServerProblem():
                raise told(outcome)

    @router.post("/{server_id}/confirm", summary="Confirm a host key", responses=joined(UNKNOWN, OTHER_KEY))
    async def confirm_server(server_id: Id, body: ConfirmBody) -> ServerView:
        """Pin the host key that was shown. From now on the server must show this key, or nobody logs in there."""
        outcome = await register.confirm(server_id, body.fingerprint)
        match outcome:
            case Server():
                return _view(outcome)
            case NoSuchServer():
                raise no_such_server(server_id)
            case OtherFingerprint(shown):
                detail = (
                    f"the server showed {shown}, not {body.fingerprint}: scan again if its key has changed since; "
                    "if not, somebody may stand in between"
                )
                raise Problem(409, "fingerprint-differs", detail)

    @router.post("/{server_id}/test", summary="Test the login at a server", responses=_TO_SERVER)
    async def test_server(server_id: Id) -> GreetingView:
        """Connect, log in, ask one thing over SFTP, and leave."""
        outcome = await reach.greet(server_id)
        if not isinstance(outcome, Greeting):
            raise not_reached(server_id, outcome)
        return GreetingView(server_id=server_id, **_greeting(outcome))

    @router.get("/{server_id}/status", summary="Look at a server", responses=_TO_SERVER)
    async def look_at_server(server_id: Id) -> ServerStatusView:
        """Latency, load, memory, disk and the agent, as the server tells them now. No command is run there."""
        outcome = await reach.status(server_id)
        if not isinstance(outcome, ServerStatus):
            raise not_reached(server_id, outcome)
        return _status(server_id, outcome)

    @router.post(
        "/{server_id}/push",
        summary="Push a script to a server",
        responses=joined(_TO_SERVER, NO_SCRIPT, NO_VERSION),
    )
    async def push_to_server(server_id: Id, body: PushBody) -> PlacedView:
        """Put a version of a script into the server's folder `scripts`, whole or not at all, over SFTP.

        The hash in the answer is of what was read back. A running agent does not look there: bring it scripts with a
        deployment, which knows when they are loaded.
        """
        outcome = await reach.push(server_id, body.script_id, body.version)
        match outcome:
            case Placed(path, content_hash, size):
                return PlacedView(
                    server_id=server_id, script_id=body.script_id, path=path, hash=content_hash, size=size
                )
            case NoScript():
                if body.version is None:
                    raise no_such_script(body.script_id)
                raise no_such_version(body.script_id, body.version)
            case _:
                raise not_reached(server_id, outcome)

    @router.post(
        "/{server_id}/install",
        status_code=202,
        summary="Install or upgrade the agent on a server",
        responses=joined(UNKNOWN, UNCONFIRMED, UNREADABLE, INSTALLING),
    )
    async def install_agent(server_id: Id, body: InstallBody) -> InstallationView:
        """Bring this version of the agent to the server. It takes minutes: read `install` to see how far it is.

        What runs there is not touched before the new one is ready with all that it needs. If the new one does not beat,
        the one before is started again.
        """
        token = None if body.join_token is None else body.join_token.get_secret_value()
        outcome = await install.start(server_id, body.plain(), token)
        match outcome:
            case Installation():
                return _installation(server_id, outcome)
            case InstallRuns(step):
                detail = f"an installation is at work on {server_id!r} (step: {step}): wait for its end"
                raise Problem(409, "install-runs", detail)
            case NoNode():
                detail = f"{server_id!r} was registered without a node_id: remove it and add it again with the node's"
                raise Problem(409, "server-has-no-node", detail)
            case NoBundle(reason):
                detail = f"this deployer was installed without the agent's files ({reason}): use the whole project's"
                raise Problem(409, "no-agent-here", detail)
            case _:
                raise not_reached(server_id, outcome)

    @router.get("/{server_id}/install", summary="Read how far an installation is", responses=joined(UNKNOWN, NONE_YET))
    async def read_installation(server_id: Id) -> InstallationView:
        """The newest installation of the agent on this server."""
        found = await install.newest(server_id)
        if isinstance(found, NoSuchServer):
            raise no_such_server(server_id)
        if found is None:
            raise Problem(404, "no-installation", f"nobody has installed the agent on {server_id!r} from here yet")
        return _installation(server_id, found)

    return router


def _installation(server_id: str, one: Installation) -> InstallationView:
    return InstallationView(
        server_id=server_id,
        state=one.state,
        step=one.step,
        version=one.version,
        started_at=one.started_at,
        finished_at=one.finished_at,
        detail=one.detail,
        trouble=one.trouble,
    )


def _view(server: Server) -> ServerView:
    key = server.host_key
    return ServerView.model_validate(
        {
            "server_id": server.server_id,
            "host": server.host,
            "port": server.port,
            "user": server.user,
            "login": server.login,
            "directory": server.directory,
            "node_id": server.node_id,
            "link": server.link,
            "state": server.state,
            "host_key": HostKeyView(algorithm=key.algorithm, fingerprint=key.fingerprint, public_key=key.public_key),
            "created_at": server.created_at,
            "updated_at": server.updated_at,
        }
    )


def _greeting(greeting: Greeting) -> dict[str, object]:
    return {
        "software": greeting.software,
        "connect_ms": round(greeting.connect_seconds * 1000, 1),
        "latency_ms": round(greeting.latency_seconds * 1000, 1),
    }


def _status(server_id: str, status: ServerStatus) -> ServerStatusView:
    return ServerStatusView.model_validate(
        {
            "server_id": server_id,
            **_greeting(status.greeting),
            "load": status.load,
            "memory_total": status.memory_total,
            "memory_available": status.memory_available,
            "disk_total": status.disk_total,
            "disk_free": status.disk_free,
            "uptime_seconds": status.uptime_seconds,
            "agent": _agent(status.agent),
            "unknown": status.unknown,
        }
    )


def _agent(agent: AgentFound | None) -> AgentView | None:
    if agent is None:
        return None
    return AgentView(
        running=agent.running,
        version=agent.version,
        node_id=agent.node_id,
        beat_at=agent.beat_at,
        broker=agent.broker,
        lease=agent.lease,
    )
