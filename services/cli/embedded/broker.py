"""What a RabbitMQ of any origin can do for its owner.

`callboard up` and the tests hold a `Broker` and do not know whether it is a child process or a container.
"""

from dataclasses import dataclass
from typing import Protocol

from services.cli.embedded.errors import StartFailed


@dataclass(frozen=True, slots=True)
class Management:
    """The management console: its address and its operator's login."""

    url: str
    username: str
    password: str


class Broker(Protocol):
    """A RabbitMQ server. After `stop` and `kill` no process or container of it is left."""

    @property
    def origin(self) -> str:
        """Where it comes from, in words for the operator."""

    @property
    def url(self) -> str:
        """amqp://… ; holds before the start and across restarts."""

    @property
    def management(self) -> Management | None:
        """None when we were only given an AMQP URL."""

    async def start(self) -> None:
        """Start it and wait until AMQP and the management console answer. Raises StartFailed."""

    async def stop(self, deadline_seconds: float) -> None:
        """Stop it gracefully; what is left at the deadline is killed."""

    async def kill(self) -> None:
        """End it at once, as a power cut would."""

    async def erase(self) -> None:
        """Stop it and remove all its data."""

    async def wait(self) -> int:
        """Wait for its end: an exit status."""


def broker_did_not_start(what: str, port: int, log_tail: str) -> StartFailed:
    """The one sentence for it."""
    return StartFailed(f"RabbitMQ ({what}) did not answer on port {port}", log_tail)
