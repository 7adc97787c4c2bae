"""A running stack as a user sees it: its HTTP origin, its sandbox, its broker's management API."""

import time
from dataclasses import dataclass
from typing import Any

import httpx

from services.telegram_sandbox.client import SandboxClient

READY_SECONDS = 120


@dataclass(frozen=True)
class Stack:
    """Where a stack is and how to sign in; `management_url` carries its user and password."""

    url: str
    token: str
    sandbox_url: str
    management_url: str

    def wait_until_ready(self) -> None:
        """Wait until the origin and what is behind it are ready: `docker-compose up -d` returns before that."""
        deadline = time.monotonic() + READY_SECONDS
        while (seen := self._readiness()) != "200":
            assert time.monotonic() < deadline, f"{self.url} was not ready within {READY_SECONDS} s: {seen}"
            time.sleep(0.5)

    def _readiness(self) -> str:
        try:
            answer = httpx.get(f"{self.url}/health/ready", timeout=5)
        except httpx.TransportError as error:
            return repr(error)
        return "200" if answer.status_code == 200 else answer.text

    def api(self, token: str | None = None) -> httpx.AsyncClient:
        """A client of the HTTP API, signed in unless another token is given."""
        headers = {"authorization": f"Bearer {self.token if token is None else token}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)

    def sandbox(self) -> SandboxClient:
        """A client of the sandbox's admin API, which takes the same token."""
        return SandboxClient(self.sandbox_url, self.token)

    def management(self) -> httpx.AsyncClient:
        """A client of the broker's management API."""
        return httpx.AsyncClient(base_url=self.management_url, timeout=30)

    async def get(self, path: str, **params: Any) -> Any:
        """The JSON of a successful GET."""
        async with self.api() as api:
            return (await api.get(path, params=params)).raise_for_status().json()
