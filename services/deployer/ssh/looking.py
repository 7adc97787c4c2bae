"""A look at a server over SFTP alone: `/proc`, the file system and the agent's status file. No command is run.

Each field is asked for by itself. One that the server does not tell (another system than Linux, a folder that is not
there) is unknown with its reason, and takes no other with it.
"""

import json
import posixpath
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, TypeVar, cast

import asyncssh

from services.deployer.domain.reaching import AgentFound, Greeting, ServerStatus
from services.deployer.domain.servers import Server
from services.deployer.ssh.troubles import quoted

T = TypeVar("T")

# Files of /proc say that they are empty; this much of one is read.
MOST_READ = 64 * 1024
STATUS_FILE = "status.json"


async def latency_of(sftp: asyncssh.SFTPClient) -> float:
    """Seconds of one question and its answer."""
    started = monotonic()
    await sftp.stat(".")
    return monotonic() - started


async def look(sftp: asyncssh.SFTPClient, server: Server, greeting: Greeting) -> ServerStatus:
    """Everything that can be seen."""
    unknown: dict[str, str] = {}

    async def told(name: str, question: Callable[[], Awaitable[T]]) -> T | None:
        try:
            return await question()
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
            raise
        except asyncssh.SFTPError as error:
            unknown[name] = quoted(error.reason)
        except (ValueError, KeyError, IndexError, TypeError):
            unknown[name] = "what the server tells is not understood"
        return None

    load = await told("load", lambda: _load(sftp))
    memory = await told("memory", lambda: _memory(sftp)) or (None, None)
    disk = await told("disk", lambda: _disk(sftp, server)) or (None, None)
    return ServerStatus(
        greeting,
        load=load,
        memory_total=memory[0],
        memory_available=memory[1],
        disk_total=disk[0],
        disk_free=disk[1],
        uptime_seconds=await told("uptime", lambda: _uptime(sftp)),
        agent=await told("agent", lambda: agent_of(sftp, server)),
        unknown=unknown,
    )


async def agent_of(sftp: asyncssh.SFTPClient, server: Server) -> AgentFound:
    """What the status file of the agent says, and whether its process is there. A missing file is no agent."""
    try:
        status = json.loads(await read(sftp, server.path("state", STATUS_FILE)))
    except asyncssh.SFTPNoSuchFile:
        return AgentFound(running=False, version=None)
    return AgentFound(
        running=await _runs(sftp, status.get("pid")),
        version=_text(status.get("version")),
        node_id=_text(status.get("node_id")),
        beat_at=_text(status.get("at")),
        broker=_text(status.get("broker")),
        lease=_text(status.get("lease")),
    )


async def read(sftp: asyncssh.SFTPClient, path: str) -> bytes:
    """A small file, whatever size it says it has."""
    async with sftp.open(path, "rb") as file:
        return cast(bytes, await file.read(MOST_READ))


def _text(value: Any) -> str | None:
    return quoted(value) if isinstance(value, str) else None


async def _runs(sftp: asyncssh.SFTPClient, pid: Any) -> bool | None:
    """Whether the process of this id is an agent; the id of one that has ended may be somebody else's by now."""
    if not isinstance(pid, int):
        return None
    try:
        return b"node_agent" in await read(sftp, f"/proc/{pid}/cmdline")
    except asyncssh.SFTPNoSuchFile:
        # Without /proc nothing can be said.
        return False if await sftp.exists("/proc/self") else None


async def _load(sftp: asyncssh.SFTPClient) -> tuple[float, float, float]:
    one, five, fifteen = map(float, (await read(sftp, "/proc/loadavg")).split()[:3])
    return one, five, fifteen


async def _memory(sftp: asyncssh.SFTPClient) -> tuple[int, int]:
    lines = (line.split() for line in (await read(sftp, "/proc/meminfo")).decode().splitlines())
    kibibytes = {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1}
    return kibibytes["MemTotal"] * 1024, kibibytes["MemAvailable"] * 1024


async def _uptime(sftp: asyncssh.SFTPClient) -> float:
    return float((await read(sftp, "/proc/uptime")).split()[0])


async def _disk(sftp: asyncssh.SFTPClient, server: Server) -> tuple[int, int]:
    """Of the server's directory, or of the nearest folder above it that is there."""
    path = server.directory
    while path not in ("", "/", ".") and not await sftp.exists(path):
        path = posixpath.dirname(path)
    space = await sftp.statvfs(path or ".")
    return space.blocks * space.frsize, space.bavail * space.frsize
