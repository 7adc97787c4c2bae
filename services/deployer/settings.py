"""The deployer's settings, read once from the environment (`CALLBOARD_…`)."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from services.deployer.domain.drift import SETTLE
from shared.messaging.settings import BrokerSettings
from shared.settings import DatabaseUrl, Port, ServiceSettings, Token

HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^/]+", strip_whitespace=True)]


class SandboxPlace(BaseModel):
    """The same settings as an agent's; its others are no business of the deployer's."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    server_address: str | None = None
    server_port: Port | None = None


class DeployerSettings(BrokerSettings):
    """What the deployer has to know."""

    database_url: DatabaseUrl
    token: Token
    # Signs the download URLs and seals the logins of servers; every replica needs the same one.
    secret: Annotated[SecretStr, Field(min_length=16)]
    # The master keys of what is kept sealed, the active one first; every replica needs the same ones. See `key_ring`.
    vault_key_file: Path | None = None
    vault_key: SecretStr | None = None
    # Where the Telegram sandbox answers: only with it a session may name an address that is not Telegram's.
    telegram: SandboxPlace = SandboxPlace()
    # Instead of `secret`, for the last of the master keys: a long random text in a file, the same for every replica.
    secrets_key_file: Path | None = None
    # Where agents reach the HTTP origin, for artifacts that are too large for a message.
    public_url: HttpUrl
    http_port: Port = 8082
    # The registry's; the whole static topology is declared by whoever comes first, with the same arguments.
    lease_seconds: Annotated[float, Field(gt=0)] = 30.0
    resend_first_seconds: Annotated[float, Field(gt=0)] = 5.0
    resend_most_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    deployment_deadline_seconds: Annotated[float, Field(gt=0)] = 86_400.0
    # How long a difference has to last before it counts as drift, and how far apart its repairs are.
    drift_settle_seconds: Annotated[float, Field(ge=0, le=3600)] = SETTLE.total_seconds()
    drift_repair_first_seconds: Annotated[float, Field(gt=0, le=3600)] = 10.0
    drift_repair_most_seconds: Annotated[float, Field(gt=0, le=86_400)] = 3600.0
    # How long a report waits for others to be recorded with it.
    batch_linger_seconds: Annotated[float, Field(ge=0, le=1)] = 0.02
    database_pool: Annotated[int, Field(ge=2, le=100)] = 10


class MigrationSettings(ServiceSettings):
    """What `migrate` has to know."""

    database_url: DatabaseUrl
