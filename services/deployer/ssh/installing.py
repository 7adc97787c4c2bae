"""Bring the agent to a server: upload a release, make it ready beside the one that runs, switch to it.

What happens on the server is `keeper.py`'s. Nothing that runs is touched before the new release is ready with all that
it needs and its settings were tried; if it then does not beat, the keeper starts the one before again.
"""

import json
import secrets
import shlex
from pathlib import Path
from typing import Any

import asyncssh

from services.deployer.domain.installations import AgentBundle, Installed, Joining, Step
from services.deployer.domain.reaching import Upload
from services.deployer.domain.server_problems import Trouble
from services.deployer.domain.servers import Server
from services.deployer.ssh.files import put, sftp_of
from services.deployer.ssh.troubles import Failed, quoted

KEEPER = Path(__file__).with_name("keeper.py")


async def install(
    connection: asyncssh.SSHClientConnection,
    server: Server,
    bundle: AgentBundle,
    settings: dict[str, str] | None,
    joining: Joining | None,
    step: Step,
) -> Installed:
    """Install. Raises Failed, or what asyncssh raises."""
    release = f"r-{secrets.token_hex(6)}"
    folder = ("agent", "releases", release)
    uploads = [
        Upload(("agent", "keeper.py"), KEEPER.read_bytes()),
        Upload((*folder, bundle.wheel_name), bundle.wheel),
        Upload((*folder, "requirements.txt"), bundle.requirements),
    ]
    if settings is not None:
        uploads.append(Upload((*folder, "settings.json"), json.dumps(settings).encode(), mode=0o600))
    if joining is not None:
        join = {"url": joining.url, "token": joining.token}
        uploads.append(Upload((*folder, "join.json"), json.dumps(join).encode(), mode=0o600))
    await step("upload")
    async with sftp_of(connection) as sftp:
        for upload in uploads:
            await put(sftp, server.directory, upload)
    await step("environment")
    ready = await _keeper(connection, server, "install", release)
    if ready.get("version") != bundle.version:
        detail = f"the server installed version {quoted(str(ready.get('version')))} instead of {bundle.version}"
        raise Failed(Trouble.INSTALL_FAILED, f"{detail}: see its pip configuration; what ran before runs on")
    if ready.get("joins"):
        await step("join")
        assert joining is not None
        answer = await joining.ask(ready["joins"])
        if isinstance(answer, str):
            raise Failed(Trouble.INSTALL_FAILED, f"the machine was not let in as a node: {answer}")
        async with sftp_of(connection) as sftp:
            await put(sftp, server.directory, Upload((*folder, "answer.json"), answer, mode=0o600))
    await step("start")
    runs = await _keeper(connection, server, "switch", release)
    if runs.get("version") != bundle.version:
        detail = (
            f"version {quoted(str(runs.get('version')))} beats there instead of {bundle.version}: does another agent"
        )
        raise Failed(Trouble.INSTALL_FAILED, f"{detail} use the same directory?")
    return Installed(bundle.version, str(runs.get("way")))


async def _keeper(connection: asyncssh.SSHClientConnection, server: Server, *words: str) -> dict[str, Any]:
    command = " ".join(map(shlex.quote, ("python3", server.path("agent", "keeper.py"), *words)))
    ran = await connection.run(command, check=False)
    if ran.exit_status == 127:
        detail = "the server has no python3: install Python 3.11 or newer there; nothing was changed"
        raise Failed(Trouble.INSTALL_FAILED, detail)
    lines = str(ran.stdout or "").strip().splitlines()
    try:
        told = json.loads(lines[-1])
        done = bool(told["ok"])
    except (IndexError, ValueError, KeyError, TypeError):
        said = quoted(str(ran.stderr or "").strip()[-200:]) or f"status {ran.exit_status}"
        raise Failed(Trouble.INSTALL_FAILED, f"the server could not run the installation: {said}") from None
    if not done:
        raise Failed(Trouble.INSTALL_FAILED, "".join(one if one.isprintable() else " " for one in str(told["detail"])))
    return dict(told)
