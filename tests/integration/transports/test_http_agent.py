"""An agent that has a URL and a token and nothing else: real Telethon, real services, the origin in between."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.node_agent.store.identity_file import IdentityFile
from tests.contract.node_agent.telegram_worlds import ACCOUNT, OTHER, SandboxWorld
from tests.integration.transports.office import LEASE_SECONDS, BackOffice
from tests.support.agent.orders import script
from tests.support.waiting import until

NODE = "far-away"
BOTH_ONLINE = {ACCOUNT: "online", OTHER: "online"}


class HttpAgent:
    """An agent process, its sandbox, and nothing of the broker's."""

    def __init__(self, office: BackOffice, home: Path, world: SandboxWorld) -> None:
        self.office, self.home, self.world = office, home, world
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; the first time the machine joins."""
        state = self.home / "state"
        if not IdentityFile(state).exists():
            await self.office.enrolled(NODE, state)
        place = self.world.sandbox.place
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")} | {
            "CALLBOARD_STATE_DIR": str(self.home / "state"),
            "CALLBOARD_SESSIONS_DIR": str(self.world.folder),
            "CALLBOARD_HEARTBEAT_SECONDS": "0.5",
            "CALLBOARD_TELEGRAM__API_ID": "1",
            "CALLBOARD_TELEGRAM__API_HASH": "sandbox",
            "CALLBOARD_TELEGRAM__SERVER_ADDRESS": place.address,
            "CALLBOARD_TELEGRAM__SERVER_PORT": str(place.port),
            "CALLBOARD_TELEGRAM__SERVER_KEY_FILE": str(self.home / "sandbox.pem"),
            "CALLBOARD_TELEGRAM__DC_ID": str(place.dc_id),
        }
        with (self.home / "agent.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.node_agent", "--transport", "http",
                env=environment, stdout=log, stderr=log,
            )  # fmt: skip

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal and wait for its end."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            await asyncio.wait_for(self._process.wait(), 15)

    async def until_online(self) -> None:
        """Wait until the operator sees both accounts online."""

        async def online() -> bool:
            return await self.office.statuses(NODE) == BOTH_ONLINE

        await until(online, f"both accounts are online\n{self.log()[-2000:]}")

    async def connections(self) -> int:
        """How many clients the sandbox has."""
        return sum(len(row.connections) for row in await self.world.admin.sessions())

    async def answered(self, text: str, times: int) -> bool:
        """Whether the accounts have said this so often."""
        rows = await self.world.admin.messages(self.world.chat_id, 0)
        return sum(row.text == text and row.sender_id != self.world.guest_id for row in rows) == times

    def log(self) -> str:
        """What it has logged."""
        return (self.home / "agent.log").read_text()


@pytest.fixture
async def agent(office: BackOffice, tmp_path: Path) -> AsyncIterator[HttpAgent]:
    """An agent that is not started yet."""
    world = await SandboxWorld.open(tmp_path)
    agent = HttpAgent(office, tmp_path, world)
    yield agent
    await agent.stop(signal.SIGKILL)
    await world.close()


def greeter(reply: str) -> str:
    """A script for the sandbox's chat."""
    return script(reply).replace("@demo_chat", "@the_hall")


async def test_the_whole_path_over_http(agent: HttpAgent) -> None:
    """Beat, lease, login, order, reply, counters, a script too large for a message: everything over one origin."""
    await agent.start()
    await agent.until_online()
    deployer = agent.office.deployer
    await deployer.push(greeter("first"))
    await deployer.ended(await deployer.deploy("greeter", node_ids=[NODE], bind="all"))
    await agent.world.guest_says("/hello")
    await until(lambda: agent.answered("first", 2), "both accounts answer")

    async def counted() -> bool:
        row = await agent.office.get(f"/api/v1/group-ai/accounts/{ACCOUNT}")
        return (row["reply_count"], row["script_version"]) == (1, 1)

    await until(counted, "the counters")
    await deployer.push(greeter("second") + "# " + "x" * 70_000 + "\n")
    ended = await deployer.ended(await deployer.deploy("greeter", node_ids=[NODE], bind="all"))
    assert ended["totals"]["verified"] == 1
    await agent.world.guest_says("/hello")
    await until(lambda: agent.answered("second", 2), "both answer with the new version")


async def test_the_lease_ends_without_the_origin_and_comes_back_with_it(agent: HttpAgent) -> None:
    """A node that is cut off must stop by itself, and need nobody when the way is there again."""
    await agent.start()
    await agent.until_online()
    await agent.office.close_console()

    async def silent() -> bool:
        return await agent.connections() == 0

    await until(silent, "no connection is left", LEASE_SECONDS + 2)
    await agent.office.open_console()
    await agent.until_online()
    assert "orders_not_fetched" in agent.log()


async def test_a_revoked_node_is_told_and_may_join_again(agent: HttpAgent) -> None:
    """An operator would see a silent node and nothing that says why; or a stolen token would be good for ever."""
    await agent.start()
    await agent.until_online()
    revoked = await agent.office.http.post(f"/api/v1/workers/{NODE}/revoke")
    assert revoked.status_code == 200, revoked.text
    last_possible = datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS)
    status = agent.home / "state" / "status.json"
    await until(lambda: "refuses this node's token (401)" in status.read_text(), "the status")
    assert "callboard-agent join" in status.read_text() and '"transport": "http"' in status.read_text()

    async def offline() -> Any:
        worker = await agent.office.get(f"/api/v1/workers/{NODE}")
        return worker if worker["status"] == "offline" else None

    # The lease's own end is held, and not when the verdict comes: a registry that stood still judges a lease later.
    worker = await until(offline, "the node is offline")
    assert datetime.fromisoformat(worker["lease_until"]) <= last_possible, "the lease was renewed after the revocation"
    await agent.stop()
    await agent.office.enrolled(NODE, agent.home / "state")
    await agent.start()
    await agent.until_online()


async def test_an_older_start_is_refused_over_http(agent: HttpAgent, tmp_path: Path) -> None:
    """Two agents under one node id would both run the accounts, or take each other's orders in turns."""
    await agent.start()
    await agent.until_online()
    (tmp_path / "second" / "state").mkdir(parents=True)
    identity = IdentityFile(agent.home / "state").path
    (tmp_path / "second" / "state" / identity.name).write_bytes(identity.read_bytes())
    second = HttpAgent(agent.office, tmp_path / "second", agent.world)
    elsewhere = agent.world.folder
    (tmp_path / "second" / "sandbox.pem").write_bytes((tmp_path / "sandbox.pem").read_bytes())
    agent.world.folder = tmp_path / "second" / "sessions"
    agent.world.folder.mkdir()
    try:
        await second.start()
        await until(lambda: "lease_refused" in agent.log(), "the first one is refused")
        await until(lambda: "command_queue_left" in agent.log(), "it asks no more")
        worker = await agent.office.get(f"/api/v1/workers/{NODE}")
        assert worker["status"] == "online"
    finally:
        agent.world.folder = elsewhere
        await second.stop(signal.SIGKILL)
