"""Many agents in one process: `python -m tests.campaigns.host HOME NODE…`.

Each is the agent itself, with a ledger, script files and broker connections of its own; only Telegram is the one in
memory, because no account speaks here. A process for each of 500 would not fit on two cores. SIGKILL ends all of a host
at once, in whatever they are doing.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from services.node_agent.app import Agent, NodeSettings, Ports
from services.node_agent.store.database import FileConnection
from services.node_agent.store.download import HttpDownloader
from services.node_agent.store.script_files import ScriptFolder
from services.node_agent.store.session_files import InMemorySessions
from services.node_agent.store.status_file import StatusFile
from services.node_agent.telegram.in_memory import InMemoryTelegram
from shared import logging
from shared.clock import SystemClock
from shared.contracts import names
from shared.contracts.heartbeats import NodeFacts
from shared.messaging import Route
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.randomness import SystemRandomness
from shared.service import allow_many_files, run_until_signal

BEAT_SECONDS = 10.0


def agent(node_id: str, home: Path, url: str) -> Agent:
    """One agent with its state under `home`."""
    clock, randomness = SystemClock(), SystemRandomness()
    bus = RabbitBus(url, f"node_agent/{node_id}", [names.node_commands_queue(node_id)], clock, randomness)
    state = home / node_id

    async def consume(route: Route) -> None:
        await RabbitConsumer(url, [route], bus, clock, randomness).run()

    ports = Ports(
        bus=bus,
        consume=consume,
        telegram=InMemoryTelegram(clock),
        sessions=InMemorySessions(),
        open_ledger=partial(FileConnection.open, state / "ledger.sqlite"),
        files=ScriptFolder(state / "scripts"),
        downloader=HttpDownloader(),
        offload=_in_a_thread,
        status=StatusFile(state / "status.json"),
        clock=clock,
        randomness=randomness,
        close=bus.close,
    )
    return Agent(NodeSettings(node_id, NodeFacts(hostname="campaign"), BEAT_SECONDS), ports)


async def _in_a_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(function, *arguments)


def main() -> int:
    """Run the agents until SIGTERM."""
    home, *nodes = sys.argv[1:]
    logging.configure("host", "WARNING", "json")
    allow_many_files()
    for node in nodes:
        (Path(home) / node).mkdir(parents=True, exist_ok=True)
    agents = {node: agent(node, Path(home), os.environ["CALLBOARD_AMQP_URL"]).run for node in nodes}
    return asyncio.run(run_until_signal(agents))


if __name__ == "__main__":
    sys.exit(main())
