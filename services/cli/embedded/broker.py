"""What a RabbitMQ of any origin can do for its owner.

`callboard up` and the tests hold a `Broker` and do not know whether it is a child process or a container.
"""

from typing import Protocol

from services.cli.connection_file import Management
from services.cli.embedded.errors import StartFailed
from services.cli.embedded.process import OwnedProcess, ending


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

    @property
    def owned(self) -> bool:
        """Whether it lives and dies with us."""

    @property
    def erased_with(self) -> str | None:
        """The command that removes what it keeps outside its directory; None when there is nothing outside."""

    async def start(self) -> None:
        """Start it and wait until AMQP and the management console answer. Raises StartFailed."""

    async def stop(self, deadline_seconds: float) -> None:
        """Stop it gracefully; what is left at the deadline is killed."""

    async def kill(self) -> None:
        """End it at once, as a power cut would."""

    async def erase(self) -> None:
        """Stop it and remove all its data."""

    async def answers(self) -> bool:
        """Whether it answers now; may raise like a connection."""

    async def wait(self) -> int:
        """Wait for its end: an exit status."""


def broker_did_not_start(broker: Broker, port: int, process: OwnedProcess) -> StartFailed:
    """The one sentence for it."""
    status = process.exit_status
    what = f"did not answer on port {port}" if status is None else f"{ending(status)} before it answered"
    return StartFailed(f"RabbitMQ ({broker.origin}) {what}; its log is {process.command.log}", process.log_tail())
