"""The agent brought to a server: a real sshd, a real environment from the package index, a real agent.

Making an environment with all that the agent needs takes most of a minute, so one test goes the whole way.
"""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.deployer.bundle import ROOT, build_bundle
from services.deployer.domain.installations import AgentBundle, Installed, Joining
from services.deployer.domain.reaching import Access, ServerStatus
from services.deployer.domain.server_problems import ServerProblem, Trouble
from services.deployer.ssh import installing
from services.deployer.ssh.keeper import BEAT_SECONDS
from services.deployer.ssh.servers import SshServers
from services.deployer.ssh.sessions import Sessions
from shared.contracts.enrolments import Enrolled
from tests.integration.deployer.ssh_world import access_to
from tests.support.agent.trusting import trusted
from tests.support.sshd import Sshd, running_sshd
from tests.support.waiting import until

SETTINGS = {
    "CALLBOARD_NODE_ID": "node-a",
    "CALLBOARD_TRANSPORT": "folder",
    "CALLBOARD_HEARTBEAT_SECONDS": "0.5",
    "CALLBOARD_TELEGRAM__API_ID": "1",
    "CALLBOARD_TELEGRAM__API_HASH": "planted-hash",
}


@pytest.fixture
async def sshd(tmp_path: Path) -> AsyncIterator[Sshd]:
    """A server that lets one key in."""
    async with running_sshd(tmp_path / "sshd") as served:
        yield served


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Where everything of Callboard is, there; what runs there ends with the test."""
    home = tmp_path / "there"
    yield home
    keeper = home / "agent" / "keeper.py"
    if keeper.exists():
        stop = [sys.executable, str(keeper), "stop"]
        subprocess.run(stop, check=True, timeout=60, env=os.environ | {"CALLBOARD_AGENT_WAY": "process"})


@pytest.fixture
def ssh() -> SshServers:
    """The deployer's way to servers."""
    return SshServers(Sessions(), Sessions())


async def installed(
    ssh: SshServers, access: Access, bundle: AgentBundle, settings: dict[str, str] | None
) -> tuple[Installed | ServerProblem, list[str]]:
    """Install, and the steps that it took."""
    steps: list[str] = []

    async def step(name: str) -> None:
        steps.append(name)

    return await ssh.install(access, bundle, settings, Joining("http://origin", "a-token", admit), step), steps


async def admit(question: dict[str, Any]) -> bytes | str:
    """Let the machine in, whatever token it has."""
    assert question["token"] == "a-token"
    given = Enrolled(node_id="node-a", token="a-token-of-this-node", keys=trusted())
    return given.model_dump_json().encode()


async def pid_of(home: Path) -> int:
    """The agent that beats."""
    return int(json.loads((home / "state" / "status.json").read_text())["pid"])


def changed(tmp_path: Path, name: str, file: str, text: str) -> AgentBundle:
    """The bundle of a program in which one file is another one."""
    root = tmp_path / name
    for part in ("services/node_agent", "shared"):
        subprocess.run(["mkdir", "-p", str((root / part).parent)], check=True)
        subprocess.run(["cp", "-r", str(ROOT / part), str(root / part)], check=True)
    for part in ("services/__init__.py", "requirements-agent.lock"):
        (root / part).write_bytes((ROOT / part).read_bytes())
    (root / file).write_text(text)
    return build_bundle(root)


async def test_the_agent_is_installed_upgraded_and_never_lost(
    ssh: SshServers, sshd: Sshd, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator would install by hand, and a failed upgrade would take a node's accounts away."""
    keeper = tmp_path / "keeper.py"
    keeper.write_text(installing.KEEPER.read_text().replace(f"BEAT_SECONDS = {BEAT_SECONDS}", "BEAT_SECONDS = 8"))
    monkeypatch.setattr(installing, "KEEPER", keeper)
    access, first = access_to(sshd, home), build_bundle()

    outcome, steps = await installed(ssh, access, first, SETTINGS)
    assert outcome == Installed(first.version, "process")
    assert steps == ["upload", "environment", "join", "start"]
    assert (home / "agent" / "current" / "settings.json").stat().st_mode & 0o777 == 0o600
    assert (home / "state" / "identity.json").stat().st_mode & 0o777 == 0o600
    assert not (home / "agent" / "current" / "join.json").exists()
    status = await ssh.status(access)
    assert isinstance(status, ServerStatus) and status.agent is not None
    assert (status.agent.running, status.agent.version) == (True, first.version)
    assert status.agent.node_id == "node-a"
    before = await pid_of(home)

    broken = dataclasses.replace(first, requirements=b"structlog==25.5.0 --hash=sha256:" + b"0" * 64 + b"\n")
    outcome, _ = await installed(ssh, access, broken, None)
    assert isinstance(outcome, ServerProblem) and outcome.trouble == Trouble.INSTALL_FAILED
    assert "what the agent needs was not installed" in outcome.detail
    assert await pid_of(home) == before

    outcome, _ = await installed(ssh, access, first, SETTINGS | {"CALLBOARD_TELEGRAM__API_ID": "none"})
    assert isinstance(outcome, ServerProblem) and "the settings are refused" in outcome.detail
    assert "CALLBOARD_TELEGRAM__API_ID" in outcome.detail and "planted" not in outcome.detail
    assert await pid_of(home) == before

    mute = changed(tmp_path, "mute", "services/node_agent/__main__.py", "raise SystemExit('mute')\n")
    outcome, _ = await installed(ssh, access, mute, None)
    assert isinstance(outcome, ServerProblem) and "did not beat" in outcome.detail
    assert "the one before was started again" in outcome.detail

    async def is_back() -> bool:
        seen = await ssh.status(access)
        agent = seen.agent if isinstance(seen, ServerStatus) else None
        return agent is not None and agent.running is True and agent.version == first.version

    await until(is_back, "the agent of before runs again", 60)

    second = changed(tmp_path, "second", "services/__init__.py", '"""Another version."""\n')
    assert second.version != first.version
    outcome, _ = await installed(ssh, access, second, None)
    assert outcome == Installed(second.version, "process")
    killed = await pid_of(home)
    os.kill(killed, 9)

    async def is_another() -> bool:
        return await pid_of(home) != killed

    await until(is_another, "an agent that was killed is started again", 60)
    assert len(list((home / "agent" / "releases").iterdir())) == 2
    assert len(list((home / "agent" / "environments").iterdir())) == 1, "an upgrade made anew what was there"


async def test_without_settings_nothing_is_started(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """An agent would start without knowing who it is."""
    outcome, _ = await installed(ssh, access_to(sshd, home), build_bundle(), None)
    assert isinstance(outcome, ServerProblem) and outcome.trouble == Trouble.INSTALL_FAILED
    assert "send the settings" in outcome.detail
    assert not (home / "agent" / "current").exists()


def test_the_same_program_is_the_same_bundle(tmp_path: Path) -> None:
    """Every replica would bring another version, and an upgrade would never be at its end."""
    assert build_bundle() == build_bundle()
    with pytest.raises(OSError):
        build_bundle(tmp_path)
