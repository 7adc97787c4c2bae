"""Where RabbitMQ comes from, in this order: the one that we are told, the machine's, a container, the package.

`pick_route` is the rule and touches nothing; `choose_broker` looks at the machine and does what the rule says.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from services.cli.embedded.broker import Broker
from services.cli.embedded.errors import StartFailed
from services.cli.embedded.given import GivenBroker
from services.cli.embedded.rabbitmq import EmbeddedRabbitMQ, find_rabbitmq_server
from services.cli.embedded.rabbitmq_container import ContainerRabbitMQ, engine_answers
from services.cli.embedded.rabbitmq_package import apt_is_there, install_rabbitmq_server

ADVICE = (
    "Callboard needs RabbitMQ: install the package rabbitmq-server (3.10 or newer) or Docker, "
    "or set CALLBOARD_AMQP_URL to a RabbitMQ that you run."
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the rule looks at."""

    amqp_url: str | None
    server: Path | None
    has_engine: bool
    has_apt: bool


@dataclass(frozen=True, slots=True)
class Given:
    """Use the RabbitMQ at this URL."""

    url: str


@dataclass(frozen=True, slots=True)
class OnMachine:
    """Run this server as a private child."""

    server: Path


@dataclass(frozen=True, slots=True)
class InContainer:
    """Run a container."""


@dataclass(frozen=True, slots=True)
class FromPackage:
    """Install the distribution's package, then run it as a private child."""


@dataclass(frozen=True, slots=True)
class Nowhere:
    """Nothing can be done; the advice says what the operator can do."""

    advice: str


Route = Given | OnMachine | InContainer | FromPackage | Nowhere


def pick_route(machine: Machine) -> Route:
    """The first way that this machine offers."""
    if machine.amqp_url:
        return Given(machine.amqp_url)
    if machine.server:
        return OnMachine(machine.server)
    if machine.has_engine:
        return InContainer()
    if machine.has_apt:
        return FromPackage()
    return Nowhere(ADVICE)


async def choose_broker(
    directory: Path,
    *,
    ports: tuple[int, int],
    amqp_url: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Broker:
    """A broker that can be started. `ports` are AMQP's and the console's; `say` tells what takes time.

    Raises StartFailed with advice when there is no way.
    """
    route = pick_route(await look_at_machine(amqp_url))
    port, management_port = ports
    match route:
        case Given(url):
            return GivenBroker(url)
        case OnMachine(server):
            return EmbeddedRabbitMQ(directory, port=port, management_port=management_port, server=server)
        case InContainer():
            return ContainerRabbitMQ(directory, port=port, management_port=management_port, say=say)
        case FromPackage():
            await install_rabbitmq_server(directory, say)
            return EmbeddedRabbitMQ(directory, port=port, management_port=management_port)
        case Nowhere(advice):
            raise StartFailed(advice)
        case _ as never:
            assert_never(never)


async def look_at_machine(amqp_url: str | None) -> Machine:
    """The facts; the engine is asked only when nothing before it was found, for that takes a moment."""
    server = find_rabbitmq_server()
    settled = bool(amqp_url or server)
    return Machine(
        amqp_url=amqp_url,
        server=server,
        has_engine=not settled and shutil.which("docker") is not None and await engine_answers(),
        has_apt=apt_is_there(),
    )
