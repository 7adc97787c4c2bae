"""The doors of servers with everything behind them; the servers are in memory."""

from functools import cache
from typing import Any, cast

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from services.deployer.api.servers import PREFIX, servers_router
from services.deployer.domain.installations import AgentBundle
from services.deployer.domain.logins import PasswordLogin
from services.deployer.domain.servers import HostKey
from services.deployer.joining import OriginDesk
from services.deployer.key_ring import KeyRing
from services.deployer.secrets import SealedLogins
from services.deployer.ssh.in_memory import Host, InMemorySsh
from services.deployer.store.in_memory import InMemoryStore
from services.deployer.use_cases.install_agent import InstallAgent
from services.deployer.use_cases.servers import ReachServers, RegisterServers
from shared.clock import VirtualClock
from shared.http import create_api
from tests.support.behind import Behind, StandIn

TOKEN = "token-of-the-tests"
KEY = HostKey("ssh-ed25519 AAAA", "SHA256:" + "A" * 43)
OTHER = HostKey("ssh-ed25519 BBBB", "SHA256:" + "B" * 43)
BUNDLE = AgentBundle("0.1.0+1", "callboard-0.1.0+1-py3-none-any.whl", b"a wheel", b"its needs")
PLANTED = "planted-0c5b1e"
BODY: dict[str, Any] = {
    "server_id": "tokyo-1",
    "host": "tokyo",
    "port": 22,
    "user": "callboard",
    "login": {"password": PLANTED},
}


@cache
def _api() -> FastAPI:
    async def nothing() -> list[str]:
        return []

    register: Any = StandIn(lambda office: office.register)
    reach: Any = StandIn(lambda office: office.reach)
    router = servers_router(register, reach, cast(Any, StandIn(lambda office: office.install)))
    return create_api(
        "test", version="0", token=SecretStr(TOKEN), routers=[router], tags={"servers": "x"}, ready=nothing
    )


class Office:
    """One host, `tokyo`, that lets a password in."""

    def __init__(self) -> None:
        self.ssh = InMemorySsh()
        self.host = self.ssh.hosts["tokyo", 22] = Host(KEY, {PasswordLogin(PLANTED)})
        self.store = InMemoryStore()
        self.clock = VirtualClock()
        vault = SealedLogins(KeyRing(b"secret-of-the-tests"), b"secret-of-the-tests")
        register = RegisterServers(self.store, self.ssh, vault, self.clock)
        reach = ReachServers(self.store, self.ssh, vault)
        self.install = InstallAgent(
            self.store, self.ssh, reach, lambda: BUNDLE, OriginDesk("http://origin"), self.clock
        )
        self.register, self.reach = register, reach
        self.api = Behind(_api(), self)
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.api),
            base_url="http://test",
            headers={"authorization": f"Bearer {TOKEN}"},
        )

    async def confirmed(self, body: dict[str, Any] = BODY) -> None:
        """A server that is ready to be used."""
        assert (await self.http.post(PREFIX, json=body)).status_code == 201
        assert (
            await self.http.post(PREFIX + "/tokyo-1/confirm", json={"fingerprint": KEY.fingerprint})
        ).status_code == 200
