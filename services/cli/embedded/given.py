"""A RabbitMQ that the operator runs: it is used, and never stopped or erased.

Its end is not ours to watch: services reconnect by themselves, so `wait` never returns.
"""

import asyncio
from urllib.parse import urlsplit

from services.cli.connection_file import Management
from services.cli.embedded.errors import StartFailed

AMQP_PORT, AMQPS_PORT = 5672, 5671
REACH_SECONDS = 10.0


class GivenBroker:
    """See the module's docstring; the methods are those of Broker."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def origin(self) -> str:
        """See Broker."""
        return "the one that CALLBOARD_AMQP_URL names"

    @property
    def url(self) -> str:
        """See Broker."""
        return self._url

    @property
    def management(self) -> Management | None:
        """See Broker."""
        return None

    @property
    def owned(self) -> bool:
        """See Broker."""
        return False

    @property
    def erased_with(self) -> str | None:
        """See Broker."""
        return None

    async def start(self) -> None:
        """Look whether somebody listens there."""
        try:
            async with asyncio.timeout(REACH_SECONDS):
                await self.answers()
        except (OSError, TimeoutError):
            host, port = self._place()
            raise StartFailed(f"nobody answers at {host}:{port}, where CALLBOARD_AMQP_URL points") from None

    async def stop(self, deadline_seconds: float = 0) -> None:
        """Nothing: it is not ours."""

    async def kill(self) -> None:
        """Nothing: it is not ours."""

    async def erase(self) -> None:
        """Refused: it is not ours."""
        raise StartFailed("the RabbitMQ of CALLBOARD_AMQP_URL is not ours to erase")

    async def answers(self) -> bool:
        """See Broker."""
        _, writer = await asyncio.open_connection(*self._place())
        writer.close()
        return True

    async def wait(self) -> int:
        """Never returns."""
        await asyncio.Event().wait()
        return 0

    def _place(self) -> tuple[str, int]:
        parts = urlsplit(self._url)
        return parts.hostname or "localhost", parts.port or _default_port(parts.scheme)


def _default_port(scheme: str) -> int:
    return AMQPS_PORT if scheme == "amqps" else AMQP_PORT
