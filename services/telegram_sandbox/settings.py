"""The sandbox's settings: environment variables with the prefix `CALLBOARD_SANDBOX_`.

Read once in `__main__`. Everything binds to loopback unless it is told otherwise; `public_address` is what
sessions and the configuration name, and must be where clients reach the MTProto port.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import Port, ServiceSettings, Token


class AudienceSettings(BaseModel):
    """The talkative audience: guests who say lines in a chat. Off while `chat` is empty."""

    chat: str = ""
    """The chat's username, or the id that clients show (-100…)."""
    guests: Annotated[int, Field(ge=1, le=50)] = 3
    messages_per_minute: Annotated[float, Field(gt=0, le=600)] = 12


class CommonSettings(ServiceSettings):
    """What the sandbox shares with the other services: `CALLBOARD_TOKEN` opens the admin API."""

    token: Token


class SandboxSettings(BaseSettings):
    """See the module's docstring."""

    model_config = SettingsConfigDict(
        env_prefix="CALLBOARD_SANDBOX_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    host: str = "127.0.0.1"
    port: Port = 8443
    public_address: str = ""
    """Where clients reach `port`; empty means `host`, or loopback when that is 0.0.0.0."""
    dc_id: Annotated[int, Field(ge=1, le=5)] = 2
    admin_host: str = "127.0.0.1"
    admin_port: Port = 8444
    state_dir: Path = Path(".callboard/sandbox")
    world_file: Path | None = None
    """A JSON world (see `world/seed.py`) that is made at start where it is missing."""
    seed: int = 0
    history: Annotated[int, Field(ge=10, le=100_000)] = 500
    """Messages kept for each chat."""
    duplicate_rule: Literal["address", "connection", "off"] = "address"
    audience: AudienceSettings = AudienceSettings()
