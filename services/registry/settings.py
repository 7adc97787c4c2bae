"""The registry's settings, from `CALLBOARD_…` in the environment."""

from typing import Annotated

from pydantic import Field, StringConstraints, field_validator, model_validator
from yarl import URL

from shared.messaging.settings import BrokerSettings
from shared.settings import AmqpUrl, AuthorityFile, DatabaseUrl, Port, ServiceSettings, Token

HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^/]+", strip_whitespace=True)]
# A share of the lease: ten times what two bad oscillators (500 ppm each) differ by, for clocks of virtual machines.
LEAST_DRIFT = 0.01


class MigrationSettings(ServiceSettings):
    """What `migrate` needs."""

    database_url: DatabaseUrl


class Settings(BrokerSettings, MigrationSettings):
    """What `run` needs. Intervals are in seconds."""

    token: Token
    http_port: Port = 8081
    # The broker's management API, where the logins of nodes are made; by default on the broker's host, port 15672.
    management_url: HttpUrl | None = None
    # Where nodes reach the broker, without a login; by default where this process does.
    nodes_amqp_url: AmqpUrl | None = None
    # Where nodes reach the HTTP origin; by default where they have joined.
    public_url: HttpUrl | None = None
    # Certificates in PEM that nodes are told to trust, for the broker and for HTTP.
    nodes_ca_file: AuthorityFile | None = None
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 30.0
    sweep_seconds: Annotated[float, Field(ge=0.1, le=60)] = 2.0
    announce_seconds: Annotated[float, Field(ge=1, le=3600)] = 60.0
    # How much longer than a lease the intake must have been healthy before a node is called offline: a beat may be on
    # its way for a moment.
    verdict_margin_seconds: Annotated[float, Field(ge=0, le=600)] = 5.0
    # After the end of a node's lease, before another node may have its accounts. The node counts its lease with
    # CLOCK_BOOTTIME and the registry with the database's clock: 10 s bear that the two run differently by a third over
    # a lease of 30 s, where bad oscillators differ by a thousandth, and that the database's is set forward by 10 s.
    drift_margin_seconds: Annotated[float, Field(ge=1, le=600)] = 10.0
    # How long a node must be silent after its lease before its accounts move, where the policy is to move: a machine
    # that restarts is back by then.
    takeover_seconds: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    # How long a node waits for the state of a login that the node before handed back: the vault has it in seconds,
    # unless that node went away with it.
    handback_seconds: Annotated[float, Field(ge=1, le=3600)] = 120.0
    # Reports in work at once: several batches, so that one is being read while another is being written.
    prefetch: Annotated[int, Field(ge=1, le=5000)] = 500
    batch_most: Annotated[int, Field(ge=1, le=500)] = 200
    batch_linger_seconds: Annotated[float, Field(ge=0, le=1)] = 0.02
    # Batches written at once, each on a database connection of its own.
    batches: Annotated[int, Field(ge=1, le=8)] = 2
    # Nodes that may wait for commands over HTTP at once, each on a channel of one AMQP connection, which has 2047.
    waiting_polls: Annotated[int, Field(ge=1, le=2000)] = 1000

    @model_validator(mode="after")
    def _margin_covers_drift(self) -> "Settings":
        least = self.lease_seconds * LEAST_DRIFT
        if self.drift_margin_seconds < least:
            told = f"drift_margin_seconds must be at least {least:.1f} for a lease of {self.lease_seconds:.0f} s"
            raise ValueError(f"{told}: two clocks may differ by a hundredth of it")
        return self

    @field_validator("nodes_amqp_url")
    @classmethod
    def _without_a_login(cls, value: str | None) -> str | None:
        if value is not None and URL(value).user is not None:
            raise ValueError("every node gets it, so it must have no login in it: amqp://host:port/")
        return value

    @property
    def broker_for_nodes(self) -> str:
        """Where nodes reach the broker; there is no login in it."""
        return self.nodes_amqp_url or str(URL(self.amqp_url).with_user(None).with_query(None))
