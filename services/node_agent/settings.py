"""The agent's settings: environment variables with the prefix `CALLBOARD_`, read once in `__main__`.

What the node is, and its logins at the broker and at the origin, are no settings: the machine was given them when it
joined (`store/identity_file.py`). `transport` says which of the ways to the back office the agent takes.

The Telegram sandbox is used only when its address and key are named; without them accounts speak to Telegram's own
data centres and nowhere else, whatever address a session file carries.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode
from yarl import URL

from shared.contracts.heartbeats import MOST_LABELS
from shared.contracts.identifiers import Label, NodeId
from shared.settings import AmqpUrl, ServiceSettings


def _without_slash(url: str) -> str:
    return url.rstrip("/")


BackOfficeUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[^/?#\s]+[^?#\s]*$"), AfterValidator(_without_slash)
]


class TelegramSettings(BaseModel):
    """How accounts reach Telegram: the operator's api_id and api_hash, and for the sandbox where it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_id: int = Field(gt=0)
    api_hash: SecretStr = Field(min_length=1)
    server_address: str | None = None
    server_port: int | None = Field(default=None, ge=1, le=65535)
    server_key_file: Path | None = None
    dc_id: int = Field(default=2, ge=1, le=5)

    @model_validator(mode="after")
    def _sandbox_whole(self) -> "TelegramSettings":
        named = [self.server_address, self.server_port, self.server_key_file]
        if any(named) and not all(named):
            raise ValueError("a sandbox needs SERVER_ADDRESS, SERVER_PORT and SERVER_KEY_FILE; give all or none")
        return self


class AgentSettings(ServiceSettings):
    """See the module's docstring. `state_dir`, `sessions_dir` and `exchange_dir` belong to this agent alone.

    `amqp_url`, for `amqp`, and `url`, for `http`, are where broker and console are when that is no longer where the
    node was told; `exchange_dir` has `inbox` and `outbox`, for `folder`. `node_id` is only compared with the node's.
    """

    node_id: NodeId | None = None
    transport: Literal["amqp", "http", "folder"] = "amqp"
    amqp_url: AmqpUrl | None = None
    url: BackOfficeUrl | None = None
    exchange_dir: Path = Path("exchange")
    state_dir: Path = Path("state")
    sessions_dir: Path = Path("sessions")
    # Without it as often as the node was told.
    heartbeat_seconds: float | None = Field(default=None, ge=0.2, le=300)
    # How often the files of the loaded scripts are looked at; they are small and few, so this is for the disk's rest.
    script_check_seconds: float = Field(default=30.0, ge=0.2, le=3600)
    # How often a login that changes goes back to the vault; whoever takes over after a crash begins there.
    login_sync_seconds: float = Field(default=600.0, ge=10, le=86_400)
    source: Literal["local", "remote"] = "remote"
    labels: Annotated[dict[Label, Label], NoDecode] = Field(default_factory=dict, max_length=MOST_LABELS)
    telegram: TelegramSettings

    @field_validator("amqp_url")
    @classmethod
    def _without_a_login(cls, value: str | None) -> str | None:
        if value is not None and URL(value).user is not None:
            raise ValueError("it must have no login in it: the node has its own, which it was given when it joined")
        return value

    @field_validator("labels", mode="before")
    @classmethod
    def _labels(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
        if any(not equals for _, equals, _ in pairs):
            raise ValueError("labels are written as a=b,c=d")
        return {name.strip(): text.strip() for name, _, text in pairs}
