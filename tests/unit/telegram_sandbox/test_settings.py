"""The sandbox's settings and its world file."""

import pytest
from pydantic import ValidationError

from services.telegram_sandbox.settings import SandboxSettings
from services.telegram_sandbox.world.seed import WorldSeed


def test_it_binds_to_loopback_and_is_silent_unless_told_otherwise() -> None:
    """A sandbox would be open to the network, or talk, without anybody's wish."""
    settings = SandboxSettings()
    assert (settings.host, settings.admin_host, settings.audience.chat) == ("127.0.0.1", "127.0.0.1", "")
    assert (settings.port, settings.admin_port) == (8443, 8444)


def test_the_environment_names_reach_every_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A documented variable would be ignored."""
    monkeypatch.setenv("CALLBOARD_SANDBOX_PORT", "9000")
    monkeypatch.setenv("CALLBOARD_SANDBOX_AUDIENCE__CHAT", "the_stage")
    monkeypatch.setenv("CALLBOARD_SANDBOX_DUPLICATE_RULE", "connection")
    settings = SandboxSettings()
    assert (settings.port, settings.audience.chat, settings.duplicate_rule) == (9000, "the_stage", "connection")


def test_a_world_with_an_unknown_field_is_refused() -> None:
    """A typing error in a world file would silently make another world."""
    with pytest.raises(ValidationError, match="membres"):
        WorldSeed.model_validate({"chats": [{"title": "Hall", "membres": []}]})
