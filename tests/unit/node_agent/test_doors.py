"""The agent's edges: settings, health, locks, and Telethon's errors in our words."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.node_agent.settings import AgentSettings
from services.node_agent.store.locking import FolderLock, FolderTaken
from services.node_agent.store.status_file import Healthy, Status, StatusFile, Unhealthy, read_health

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def environment(monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    """The least settings an agent needs, and more."""
    least = {"NODE_ID": "node-a", "AMQP_URL": "amqp://x/", "TELEGRAM__API_ID": "1", "TELEGRAM__API_HASH": "h"}
    for name, value in (least | more).items():
        monkeypatch.setenv(f"CALLBOARD_{name}", value)


def test_labels_are_read_from_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deployments choose nodes by these."""
    environment(monkeypatch, LABELS="site=attic, rack=7")
    assert AgentSettings().labels == {"site": "attic", "rack": "7"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"NODE_ID": "Node.A"},
        {"LABELS": "site"},
        {"TELEGRAM__SERVER_ADDRESS": "127.0.0.1"},
        {"TELEGRAM__SERVER_PROT": "8443"},
        {"HEARTBEAT_SECONDS": "0"},
    ],
)
def test_settings_that_make_no_sense_are_refused(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]) -> None:
    """Half a sandbox, or a node id that is no routing key word, would only fail much later."""
    environment(monkeypatch, **wrong)
    with pytest.raises(ValidationError):
        AgentSettings()


def test_the_api_hash_is_in_no_print(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings end up in logs sooner or later."""
    environment(monkeypatch, TELEGRAM__API_HASH="very-secret")
    assert "very-secret" not in repr(AgentSettings())


def test_health_follows_the_last_beat(tmp_path: Path) -> None:
    """A health check that stays green after the agent froze is worse than none."""
    path = tmp_path / "status.json"
    assert isinstance(read_health(path, NOW), Unhealthy)
    status = Status("node-a", NOW.isoformat(), 10.0, "connected", "valid", {"online": 2})
    StatusFile(path).write(status)
    assert read_health(path, NOW + timedelta(seconds=30)) == Healthy(status)
    assert isinstance(read_health(path, NOW + timedelta(seconds=60)), Unhealthy)
    path.write_text("{}")
    assert isinstance(read_health(path, NOW), Unhealthy)


def test_a_folder_belongs_to_one_agent(tmp_path: Path) -> None:
    """Two agents on one session folder would destroy its logins."""
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.take()
    with pytest.raises(FolderTaken, match="give this one its own"):
        second.take()
    first.release()
    second.take()
    second.release()
