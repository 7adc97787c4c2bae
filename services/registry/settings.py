"""The registry's settings, from `CALLBOARD_…` in the environment."""

from typing import Annotated

from pydantic import Field

from shared.settings import AmqpUrl, DatabaseUrl, Port, ServiceSettings, Token


class MigrationSettings(ServiceSettings):
    """What `migrate` needs."""

    database_url: DatabaseUrl


class Settings(MigrationSettings):
    """What `run` needs. Intervals are in seconds."""

    amqp_url: AmqpUrl
    token: Token
    http_port: Port = 8081
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 30.0
    sweep_seconds: Annotated[float, Field(ge=0.1, le=60)] = 2.0
    announce_seconds: Annotated[float, Field(ge=1, le=3600)] = 60.0
    # How much longer than a lease the intake must have been healthy before a node is called offline: a beat may be on
    # its way for a moment.
    verdict_margin_seconds: Annotated[float, Field(ge=0, le=600)] = 5.0
    # Reports in work at once: several batches, so that one is being read while another is being written.
    prefetch: Annotated[int, Field(ge=1, le=5000)] = 500
    batch_most: Annotated[int, Field(ge=1, le=500)] = 200
    batch_linger_seconds: Annotated[float, Field(ge=0, le=1)] = 0.02
    # Batches written at once, each on a database connection of its own.
    batches: Annotated[int, Field(ge=1, le=8)] = 2
    # Nodes that may wait for commands over HTTP at once, each on a channel of one AMQP connection, which has 2047.
    waiting_polls: Annotated[int, Field(ge=1, le=2000)] = 1000
