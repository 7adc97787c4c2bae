"""The agent's settings: environment variables with the prefix `CALLBOARD_`, read once in `__main__`.

`transport` says which way the agent takes to the back office, and which of the settings behind it are needed.

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
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

from shared.contracts.heartbeats import MOST_LABELS
from shared.contracts.identifiers import Label, NodeId
from shared.settings import AmqpUrl, ServiceSettings


def _without_slash(url: str) -> str:
    return url.rstrip("/")


BackOfficeUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[^/?#\s]+[^?#\s]*$"), AfterValidator(_without_slash)
]

# What each transport cannot do without.
NEEDED = {"amqp": ("amqp_url",), "http": ("url", "token")}


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

    `url` is the console's address, for `http`; `exchange_dir` has `inbox` and `outbox`, for `folder`.
    """

    node_id: NodeId
    transport: Literal["amqp", "http", "folder"] = "amqp"
    amqp_url: AmqpUrl | None = Field(default=None, validate_default=True)
    url: BackOfficeUrl | None = Field(default=None, validate_default=True)
    token: SecretStr | None = Field(default=None, min_length=1, validate_default=True)
    exchange_dir: Path = Path("exchange")
    state_dir: Path = Path("state")
    sessions_dir: Path = Path("sessions")
    heartbeat_seconds: float = Field(default=10.0, ge=0.2, le=300)
    # How often the files of the loaded scripts are looked at; they are small and few, so this is for the disk's rest.
    script_check_seconds: float = Field(default=30.0, ge=0.2, le=3600)
    source: Literal["local", "remote"] = "remote"
    labels: Annotated[dict[Label, Label], NoDecode] = Field(default_factory=dict, max_length=MOST_LABELS)
    telegram: TelegramSettings

    @field_validator("amqp_url", "url", "token")
    @classmethod
    def _needed(cls, value: object, info: ValidationInfo) -> object:
        transport = str(info.data.get("transport"))
        if value is None and info.field_name in NEEDED.get(transport, ()):
            raise ValueError(
                f"the transport {transport!r} needs it; other transports: CALLBOARD_TRANSPORT or --transport"
            )
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
