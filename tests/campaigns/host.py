"""Many agents in one process: `python -m tests.campaigns.host HOME NODE…`.

Each is the agent itself, with a ledger, script files and broker connections of its own; only Telegram is the one in
memory, because no account speaks here. A process for each of 500 would not fit on two cores. SIGKILL ends all of a host
at once, in whatever they are doing.
"""

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from services.node_agent.app import Agent
from services.node_agent.domain.keys import NodeKeys
from services.node_agent.domain.trust import Trust
from services.node_agent.store.database import FileConnection
from services.node_agent.store.download import HttpDownloader
from services.node_agent.store.identity_file import IdentityFile
from services.node_agent.store.script_files import ScriptFolder
from services.node_agent.store.session_files import InMemorySessions
from services.node_agent.store.status_file import StatusFile
from services.node_agent.telegram.in_memory import InMemoryTelegram
from services.node_agent.transports.amqp import AmqpTransport, address_of
from services.node_agent.wiring.ports import NodeSettings, Ports
from shared import logging
from shared.clock import SystemClock
from shared.contracts.heartbeats import NodeFacts
from shared.randomness import SystemRandomness
from shared.service import allow_many_files, run_until_signal

BEAT_SECONDS = 10.0


def agent(node_id: str, home: Path) -> Agent:
    """One agent with its state under `home`, which has joined."""
    clock, randomness = SystemClock(), SystemRandomness()
    state = home / node_id
    identity = IdentityFile(state)
    given = identity.read().given
    assert given.broker is not None
    transport = AmqpTransport(address_of(given.broker, None), node_id, clock, randomness)
    ports = Ports(
        bus=transport,
        consume=transport.consume,
        telegram=InMemoryTelegram(clock),
        sessions=InMemorySessions(),
        open_ledger=partial(FileConnection.open, state / "ledger.sqlite"),
        files=ScriptFolder(state / "scripts"),
        downloader=HttpDownloader(),
        offload=_in_a_thread,
        status=StatusFile(state / "status.json"),
        trust=Trust(NodeKeys(node_id, bytes(32), given.keys), clock),
        kept=identity,
        clock=clock,
        randomness=randomness,
        close=transport.close,
    )
    return Agent(NodeSettings(node_id, NodeFacts(hostname="campaign"), BEAT_SECONDS), ports)


async def _in_a_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(function, *arguments)


def main() -> int:
    """Run the agents until SIGTERM."""
    home, *nodes = sys.argv[1:]
    logging.configure("host", "WARNING", "json")
    allow_many_files()
    agents = {node: agent(node, Path(home)).run for node in nodes}
    return asyncio.run(run_until_signal(agents))


if __name__ == "__main__":
    sys.exit(main())
