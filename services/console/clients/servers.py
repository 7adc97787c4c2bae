"""`/api/v1/group-ai/servers`: machines that are reached by SSH. Logins go in and never come out."""

from collections.abc import Mapping
from datetime import datetime

from services.console.clients.api import AT_LENGTH, Api, Paged, View, below

PATH = "/api/v1/group-ai/servers"


class HostKey(View):
    """The key that the server shows."""

    algorithm: str
    fingerprint: str


class Server(View):
    """A server as it is stored."""

    server_id: str
    host: str
    port: int
    user: str
    login: str
    directory: str
    node_id: str | None
    link: bool
    state: str
    host_key: HostKey
    created_at: datetime
    updated_at: datetime


class Greeting(View):
    """A login that worked."""

    software: str
    connect_ms: float
    latency_ms: float


class AgentThere(View):
    """The agent as the server tells of it."""

    running: bool | None
    version: str | None
    node_id: str | None
    beat_at: str | None
    broker: str | None
    lease: str | None


class ServerStatus(Greeting):
    """A look at a server."""

    load: list[float] | None
    memory_total: int | None
    memory_available: int | None
    disk_total: int | None
    disk_free: int | None
    uptime_seconds: float | None
    agent: AgentThere | None
    unknown: dict[str, str]


class Installation(View):
    """How far an installation of the agent is."""

    state: str
    step: str
    version: str
    started_at: datetime
    finished_at: datetime | None
    detail: str | None


class Placed(View):
    """A file in its place; the hash is of what was read back from the server."""

    script_id: str
    path: str
    hash: str
    size: int


class Servers:
    """The Servers API."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def page(self, cursor: str | None, limit: int) -> Paged[Server]:
        """Servers by id."""
        return await self._api.get(PATH, Paged[Server], {"cursor": cursor, "limit": limit})

    async def one(self, server_id: str) -> Server:
        """A server."""
        return await self._api.get(_path(server_id), Server)

    async def add(self, body: Mapping[str, object]) -> Server:
        """Register a server and see its host key."""
        return await self._api.post(PATH, Server, body)

    async def change_login(self, server_id: str, body: Mapping[str, object]) -> Server:
        """Log in there with this from now on."""
        return await self._api.put(f"{_path(server_id)}/login", Server, body)

    async def remove(self, server_id: str) -> None:
        """Forget a server and its login."""
        await self._api.delete(_path(server_id))

    async def scan(self, server_id: str) -> Server:
        """See which host key it shows now."""
        return await self._api.post(f"{_path(server_id)}/scan", Server, within=AT_LENGTH)

    async def confirm(self, server_id: str, fingerprint: str) -> Server:
        """Pin the host key that was shown."""
        return await self._api.post(f"{_path(server_id)}/confirm", Server, {"fingerprint": fingerprint})

    async def test(self, server_id: str) -> Greeting:
        """Log in, ask one thing, and leave."""
        return await self._api.post(f"{_path(server_id)}/test", Greeting, within=AT_LENGTH)

    async def status(self, server_id: str) -> ServerStatus:
        """How the server is now."""
        return await self._api.get(f"{_path(server_id)}/status", ServerStatus)

    async def push(self, server_id: str, script_id: str, version: int | str | None) -> Placed:
        """Put a script's file there; None is its newest version. What is no number is refused."""
        body = {"script_id": script_id, "version": version}
        return await self._api.post(f"{_path(server_id)}/push", Placed, body, within=AT_LENGTH)

    async def install(self, server_id: str, body: Mapping[str, object]) -> Installation:
        """Begin to bring the agent there."""
        return await self._api.post(f"{_path(server_id)}/install", Installation, body)

    async def installation(self, server_id: str) -> Installation:
        """The newest installation there."""
        return await self._api.get(f"{_path(server_id)}/install", Installation)


def _path(server_id: str) -> str:
    return below(PATH, server_id)
