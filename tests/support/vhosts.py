"""A fresh virtual host for each test, made and removed over the broker's management API."""

import secrets
from urllib.parse import quote

import httpx

from tests.support.servers import Broker


async def make(server: Broker) -> str:
    """A new vhost that the server's user may use; its AMQP URL."""
    name = f"test-{secrets.token_hex(6)}"
    async with management(server) as api:
        (await api.put(f"/api/vhosts/{name}")).raise_for_status()
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        (await api.put(f"/api/permissions/{name}/{quote(server.user)}", json=everything)).raise_for_status()
    return f"{server.amqp}/{name}"


async def remove(server: Broker, url: str) -> None:
    """Remove the vhost with all that is in it, and the logins of nodes that were made for it."""
    name = url.rsplit("/", 1)[1]
    async with management(server) as api:
        for user in (await api.get("/api/users", params={"columns": "name"})).json():
            if user["name"].endswith(f"@{name}"):
                (await api.delete(f"/api/users/{quote(user['name'], safe='')}")).raise_for_status()
        (await api.delete(f"/api/vhosts/{name}")).raise_for_status()


def management(server: Broker) -> httpx.AsyncClient:
    """A client of the management API."""
    return httpx.AsyncClient(base_url=server.management, auth=(server.user, server.password), timeout=20)
