"""`examples/http_worker.py`, as somebody else would run it, against the real back office."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.deployer.api.script_source import EXAMPLE
from shared.contracts.deliveries import INLINE_LIMIT
from tests.integration.transports.office import TOKEN, BackOffice
from tests.support.waiting import until

FILE = Path(__file__).parents[3] / "examples" / "http_worker.py"
NODE = "worker-1"
LARGE = EXAMPLE + "# " + "x" * INLINE_LIMIT + "\n"


class Worker:
    """The example as a process."""

    def __init__(self, url: str, home: Path) -> None:
        self.folder = home / "scripts"
        self._url, self._home = url, home
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> asyncio.subprocess.Process:
        """Start it."""
        environment = os.environ | {
            "CALLBOARD_URL": self._url, "CALLBOARD_TOKEN": TOKEN, "CALLBOARD_NODE_ID": NODE
        }  # fmt: skip
        with (self._home / "worker.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, str(FILE), str(self.folder), env=environment, stdout=log, stderr=log
            )
        return self.process

    async def kill(self) -> None:
        """End it without a warning."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()

    def log(self) -> str:
        """What it has printed."""
        return (self._home / "worker.log").read_text()


@pytest.fixture
async def worker(office: BackOffice, tmp_path: Path) -> AsyncIterator[Worker]:
    """A worker that runs, and that the deployer knows."""
    worker = Worker(office.url, tmp_path)
    await worker.start()
    await office.deployer.knows(NODE)
    yield worker
    await worker.kill()


async def test_a_delivery_to_the_example_is_verified(office: BackOffice, worker: Worker) -> None:
    """What the OpenAPI page says would not be enough to write a worker from."""
    deployer = office.deployer
    await deployer.push(EXAMPLE)
    ended = await deployer.ended(await deployer.deploy("greeter", node_ids=[NODE]))
    assert ended["totals"]["verified"] == 1, worker.log()
    assert (worker.folder / "greeter.yaml").read_text() == EXAMPLE
    await deployer.push(LARGE)
    await deployer.ended(await deployer.deploy("greeter", node_ids=[NODE]))
    assert (worker.folder / "greeter.yaml").read_text() == LARGE

    async def shown() -> bool:
        artifacts = (await office.get(f"/api/v1/workers/{NODE}"))["artifacts"]
        return [(one["id"], one["version"]) for one in artifacts] == [("greeter", 2)]

    await until(shown, "its heartbeat names what is loaded")


async def test_the_example_goes_on_after_a_kill_and_without_the_origin(office: BackOffice, worker: Worker) -> None:
    """Somebody's worker would need a hand after every restart of either side."""
    deployer = office.deployer
    await deployer.push(EXAMPLE)
    await worker.kill()
    deployment_id = await deployer.deploy("greeter", node_ids=[NODE])
    await office.close_console()
    await worker.start()
    await until(lambda: "no answer" in worker.log(), "it meets nobody")
    await office.open_console()
    await deployer.ended(deployment_id)


async def test_the_example_stops_when_its_name_is_taken(office: BackOffice, worker: Worker) -> None:
    """Two programs under one name would overwrite each other's accounts."""
    beat = {
        "node_id": NODE, "boot": 5, "seq": 1, "ledger_id": "a" * 32, "full": True, "digest": "b" * 32,
        "account_count": 0, "sent_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    parcels = [{"type": "node.heartbeat.v1", "id": "b1", "body": beat}]
    answer = await office.http.post(f"/api/v1/workers/{NODE}/reports", json={"parcels": parcels})
    assert answer.json()["taken"] == ["b1"]
    assert worker.process is not None
    assert await asyncio.wait_for(worker.process.wait(), 20) == 1
    assert "give this worker a node_id of its own" in worker.log()
