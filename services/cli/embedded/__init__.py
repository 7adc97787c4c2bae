"""Private PostgreSQL and RabbitMQ servers that live and die with the process that starts them."""

from services.cli.connection_file import Management
from services.cli.embedded.broker import Broker
from services.cli.embedded.choice import choose_broker
from services.cli.embedded.errors import StartFailed
from services.cli.embedded.ports import free_port, port_or_free
from services.cli.embedded.postgres import EmbeddedPostgres
from services.cli.embedded.process import Command, OwnedProcess
from services.cli.embedded.rabbitmq import EmbeddedRabbitMQ
from services.cli.embedded.rabbitmq_container import ContainerRabbitMQ

__all__ = [
    "Broker",
    "Command",
    "ContainerRabbitMQ",
    "EmbeddedPostgres",
    "EmbeddedRabbitMQ",
    "Management",
    "OwnedProcess",
    "StartFailed",
    "choose_broker",
    "free_port",
    "port_or_free",
]
