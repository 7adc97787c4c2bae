"""A thousand accounts in one agent, beside a thousand bare Telethon clients: memory, time to be online, idle CPU.

Both run in processes of their own, against the Telegram sandbox in another. The agent is the real one, on real
RabbitMQ, under the registry's lease, with a script loaded. Memory is counted after what is unused was given back, and
without what the same process needs for no account at all.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil

from bench.figures import Figure, Goal, Result
from bench.servers import TOKEN, Servers, servers, service
from services.cli.embedded import free_port
from services.telegram_sandbox.api.bodies import ReadySessionRow, ServerRow
from services.telegram_sandbox.client import SandboxClient
from services.telegram_sandbox.world.seed import SeedAccounts, SeedChat, WorldSeed
from shared.clock import SystemClock
from shared.contracts import names
from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import DeliverArtifact
from shared.contracts.identifiers import content_hash
from shared.messaging.rabbit_bus import RabbitBus
from shared.randomness import SystemRandomness
from tests.support.agent.trusting import SIGNER, write_identity

ACCOUNTS = 1000
IDLE_SECONDS = 60.0
LOADING_SECONDS = 2.0
NODE = "bench-node"
CHAT = "the_stage"
MOST_KB, MOST_SECONDS, MOST_CPU = 60.0, 60.0, 5.0
SCRIPT = f"""id: bench
chats: ["@{CHAT}"]
scenes:
  hello:
    triggers:
      - command: /hello
    steps:
      - reply: Hello!
"""


@dataclass(frozen=True)
class Held:
    """What holding the accounts took: KB for each, seconds until all were there, per cent of a core while idle."""

    base_kb: float
    account_kb: float
    online_seconds: float
    idle_cpu: float
    stop_seconds: float


async def measure() -> Result:
    """Bare clients first, then the agent, each on the same sessions."""
    with tempfile.TemporaryDirectory(prefix="callboard-bench-") as folder:
        home = Path(folder)
        async with servers(home) as on, service("registry", on), sandbox(home) as (admin, server):
            await write_sessions(admin, home / "written")
            (home / "sandbox.pem").write_text(server.public_key)
            bare = await hold_bare(home, server)
            agent = await hold_agent(home, on, server)
    return Result(
        "Accounts in one agent",
        f"{ACCOUNTS:,} accounts in one process, against the sandbox on the same cores; idle for {IDLE_SECONDS:.0f} s.",
        (
            Figure(
                "memory of an idle account", agent.account_kb, "KB", f"beyond a base of {agent.base_kb / 1024:.0f} MB"
            ),
            Figure("a bare Telethon client", bare.account_kb, "KB", f"beyond a base of {bare.base_kb / 1024:.0f} MB"),
            Figure("all online", agent.online_seconds, "s", "from the moment at which their files are there"),
            Figure("bare clients connected", bare.online_seconds, "s", ""),
            Figure("idle CPU", agent.idle_cpu, "% of a core", "with a beat every two seconds"),
            Figure("bare clients' idle CPU", bare.idle_cpu, "% of a core", ""),
            Figure("all disconnected and saved", agent.stop_seconds, "s", ""),
        ),
        (
            Goal("KB for an idle account", agent.account_kb, f"at most {MOST_KB:.0f}", agent.account_kb <= MOST_KB),
            Goal("s until all are online", agent.online_seconds, "at most 60", agent.online_seconds <= MOST_SECONDS),
            Goal("% of a core while idle", agent.idle_cpu, f"under {MOST_CPU:.0f}", agent.idle_cpu < MOST_CPU),
        ),
    )


async def hold_bare(home: Path, server: ServerRow) -> Held:
    """The floor."""
    arguments = [str(home / "written"), server.address, str(server.port), str(server.dc_id)]
    async with host("bare", *arguments, environment=os.environ) as process:
        await says(process, "ready")
        base = await memory(process)
        began = time.monotonic()
        assert process.stdin is not None
        process.stdin.write(b"\n")
        await says(process, "connected")
        seconds = time.monotonic() - began
        cpu = await idle_cpu(process)
        each = (await memory(process) - base) / ACCOUNTS
        stopped = await stop(process)
    return Held(base, each, seconds, cpu, stopped)


async def hold_agent(home: Path, on: Servers, server: ServerRow) -> Held:
    """The agent, first with no account at all."""
    sessions, state = home / "sessions", home / "state"
    for made in (sessions, state):
        made.mkdir()
    write_identity(state, NODE, on.amqp_url)
    # A node only reads its queue: the back office declares it, here with the first order.
    await order_script(on)
    async with host("agent", environment=agent_environment(home, server)) as process:
        await status(state, lambda accounts: not accounts)
        await asyncio.sleep(LOADING_SECONDS)
        base = await memory(process)
        began = time.monotonic()
        for path in sorted((home / "written").glob("*.session")):
            path.rename(sessions / path.name)
        await status(state, lambda accounts: accounts.get("online") == ACCOUNTS)
        seconds = time.monotonic() - began
        cpu = await idle_cpu(process)
        each = (await memory(process) - base) / ACCOUNTS
        stopped = await stop(process)
    return Held(base, each, seconds, cpu, stopped)


def agent_environment(home: Path, server: ServerRow) -> dict[str, str]:
    """The agent's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")} | {
        "CALLBOARD_LOG_LEVEL": "WARNING",
        "CALLBOARD_STATE_DIR": str(home / "state"),
        "CALLBOARD_SESSIONS_DIR": str(home / "sessions"),
        "CALLBOARD_HEARTBEAT_SECONDS": "2",
        "CALLBOARD_TELEGRAM__API_ID": "1",
        "CALLBOARD_TELEGRAM__API_HASH": "sandbox",
        "CALLBOARD_TELEGRAM__SERVER_ADDRESS": server.address,
        "CALLBOARD_TELEGRAM__SERVER_PORT": str(server.port),
        "CALLBOARD_TELEGRAM__SERVER_KEY_FILE": str(home / "sandbox.pem"),
        "CALLBOARD_TELEGRAM__DC_ID": str(server.dc_id),
    }


@asynccontextmanager
async def sandbox(home: Path) -> AsyncIterator[tuple[SandboxClient, ServerRow]]:
    """A sandbox in a process of its own, and how to reach it."""
    port = free_port()
    environment = os.environ | {
        "CALLBOARD_TOKEN": TOKEN,
        "CALLBOARD_LOG_LEVEL": "WARNING",
        "CALLBOARD_SANDBOX_PORT": str(free_port()),
        "CALLBOARD_SANDBOX_ADMIN_PORT": str(port),
        "CALLBOARD_SANDBOX_STATE_DIR": str(home / "sandbox"),
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.telegram_sandbox", env=environment)
    admin = SandboxClient(f"http://127.0.0.1:{port}", TOKEN, timeout=120.0)
    try:
        yield admin, await _answering(admin)
    finally:
        await admin.close()
        await stop(process)


async def write_sessions(admin: SandboxClient, folder: Path) -> None:
    """Make the accounts, all in one chat, and put their session files there."""
    seed = WorldSeed(
        chats=[SeedChat(title="Stage", username=CHAT)], accounts=[SeedAccounts(count=ACCOUNTS, chats=[CHAT])]
    )
    put_files(folder, await admin.apply(seed))


def put_files(folder: Path, rows: list[ReadySessionRow]) -> None:
    """A session file for each account."""
    folder.mkdir()
    for row in rows:
        (folder / f"{row.username}.session").write_bytes(row.file_bytes())


async def order_script(on: Servers) -> None:
    """Order what a deployer would order."""
    clock, queue = SystemClock(), names.node_commands_queue(NODE)
    bus = RabbitBus(on.amqp_url, "bench", [queue], clock, SystemRandomness())
    content = SCRIPT.encode()
    order = DeliverArtifact(
        node_id=NODE,
        delivery_id=f"dlv_{1:032x}",
        attempt=1,
        artifact=Artifact(id="bench", version=1, hash=content_hash(content)),
        size=len(content),
        content=SCRIPT,
        bind="all",
        issued_at=datetime.now(UTC),
    )
    await bus.publish(SIGNER.sign(order))
    await bus.close()


@asynccontextmanager
async def host(kind: str, *arguments: str, environment: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that holds accounts (see `bench.account_host`)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.account_host",
        kind,
        *arguments,
        env=dict(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        await stop(process)


async def says(process: asyncio.subprocess.Process, word: str) -> str:
    """The rest of the line that begins with a word, which the process has to print in time."""
    assert process.stdout is not None
    async with asyncio.timeout(180):
        while line := (await process.stdout.readline()).decode():
            if line.startswith(word):
                return line.removeprefix(word).strip()
    raise RuntimeError(f"the process ended before it said {word!r}")


async def memory(process: asyncio.subprocess.Process) -> float:
    """What is resident of it, in KB."""
    process.send_signal(signal.SIGUSR1)
    return float(await says(process, "memory"))


async def status(state: Path, there: Callable[[Mapping[str, int]], bool]) -> None:
    """Wait until the agent's status says so of its accounts, under a valid lease."""
    async with asyncio.timeout(180):
        while True:
            try:
                written = json.loads((state / "status.json").read_text())
            except (FileNotFoundError, ValueError):
                written = {}
            if written.get("lease") == "valid" and there(written["accounts"]):
                return
            await asyncio.sleep(0.05)


async def idle_cpu(process: asyncio.subprocess.Process) -> float:
    """Per cent of a core that it takes while nothing happens, after what connecting leaves behind has settled."""
    await asyncio.sleep(5.0)
    seen = psutil.Process(process.pid)
    before = seen.cpu_times()
    await asyncio.sleep(IDLE_SECONDS)
    after = seen.cpu_times()
    return 100 * (after.user + after.system - before.user - before.system) / IDLE_SECONDS


async def stop(process: asyncio.subprocess.Process) -> float:
    """End it, if it has not ended; the seconds that took."""
    began = time.monotonic()
    if process.returncode is None:
        process.terminate()
        await asyncio.wait_for(process.wait(), 60)
    return time.monotonic() - began


async def _answering(admin: SandboxClient) -> ServerRow:
    async with asyncio.timeout(40):
        while True:
            try:
                return await admin.server()
            except httpx.TransportError:
                await asyncio.sleep(0.1)
