"""The routing table and the settings of the origin."""

import pytest
from pydantic import ValidationError

from services.console.domain.upstreams import climbs, upstreams
from services.console.settings import ConsoleSettings

REGISTRY, DEPLOYER = upstreams("http://registry:8081", "http://deployer:8082")


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/api/v1/workers", "registry"),
        ("/api/v1/workers/node-a/heartbeat", "registry"),
        ("/api/v1/group-ai/accounts/+886912", "registry"),
        ("/api/v1/group-ai/assignments", "registry"),
        ("/api/v1/group-ai/sessions/+886912/assign", "registry"),
        ("/api/v1/group-ai/sessions/{account_id}/assign", "registry"),
        ("/api/v1/group-ai/sessions", "deployer"),
        ("/api/v1/group-ai/sessions/+886912", "deployer"),
        ("/api/v1/group-ai/sessions/+886912/assign/versions", "deployer"),
        ("/api/v1/events", "registry"),
        ("/api/v1/group-ai/scripts", "deployer"),
        ("/api/v1/group-ai/script-deployment/deploy/welcome", "deployer"),
        ("/api/v1/group-ai/script-artifacts/x", "deployer"),
        ("/api/v1/dead-letters/7/replay", "deployer"),
        ("/api/v1/group-ai/servers/tokyo-1/status", "deployer"),
        ("/api/v1/tokens/tok_0/revoke", "registry"),
        ("/api/v1/whoami", "registry"),
        ("/api/v1/audit/registry", "registry"),
        ("/api/v1/audit/deployer", "deployer"),
        ("/api/v1/audit", None),
        ("/internal/whose-token", None),
        ("/api/v1/workersX", None),
        ("/api/v1", None),
        ("/health/ready", None),
    ],
)
def test_each_path_has_its_owner(path: str, owner: str | None) -> None:
    """A path that goes to the wrong service, or a prefix that takes in its neighbour, would answer nonsense."""
    assert [one.name for one in (REGISTRY, DEPLOYER) if one.owns(path)] == ([owner] if owner else [])


def test_long_polls_are_told_from_other_questions() -> None:
    """Nodes that wait would take the connections that everybody else needs."""
    assert REGISTRY.may_wait("/api/v1/workers/tokyo-1/commands")
    for path in ("/api/v1/workers/tokyo-1", "/api/v1/workers", "/api/v1/workers/a/b/commands"):
        assert not REGISTRY.may_wait(path)
    assert not DEPLOYER.may_wait("/api/v1/workers/tokyo-1/commands")


@pytest.mark.parametrize("path", ["/a/../b", "/a/..", "/./a", "/a/..\\b"])
def test_dot_segments_are_seen(path: str) -> None:
    """A path that climbs out of an open prefix would reach what needs the token."""
    assert climbs(path)


@pytest.mark.parametrize("path", ["/a/b", "/a/b..c", "/a/...", "/a/.hidden"])
def test_dots_in_names_are_allowed(path: str) -> None:
    """Account ids have dots; refusing them would hide accounts."""
    assert not climbs(path)


def test_settings_take_addresses_without_their_last_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    """`http://registry:8081/` would otherwise ask for `//api`, which no service knows."""
    monkeypatch.setenv("CALLBOARD_TOKEN", "x" * 32)
    monkeypatch.setenv("CALLBOARD_REGISTRY_URL", "http://registry:8081/")
    settings = ConsoleSettings()
    assert (settings.registry_url, settings.http_port) == ("http://registry:8081", 8080)


@pytest.mark.parametrize("url", ["registry:8081", "ftp://registry", "http://", "http://host/?a=b"])
def test_settings_refuse_what_is_no_address(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """A bad address found at the first request instead of at the start costs the operator an outage."""
    monkeypatch.setenv("CALLBOARD_TOKEN", "x" * 32)
    monkeypatch.setenv("CALLBOARD_DEPLOYER_URL", url)
    with pytest.raises(ValidationError, match="deployer_url"):
        ConsoleSettings()
