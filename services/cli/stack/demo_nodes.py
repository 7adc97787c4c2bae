"""The demo's machines join as every machine does: a one-time token, `callboard-agent join`, keys of their own.

Done once in the life of a home: a machine that has joined stays the node that it is, also one that was revoked.
"""

import asyncio
import sys
from collections.abc import Sequence

import httpx

from services.cli.connection_file import KeptConnection
from services.cli.embedded.errors import StartFailed
from services.cli.embedded.process import Command, OwnedProcess, ending
from services.cli.paths import ENROLMENTS
from services.cli.stack.fleet import FleetApi, refusal
from services.cli.stack.layout import PROJECT, Home
from services.cli.stack.parts import inherited
from services.cli.stack.plan import DemoAgent

JOIN_SECONDS = 60.0
# The token is used within seconds.
VALID_SECONDS = 600


async def join_demo_nodes(connection: KeptConnection, home: Home, agents: Sequence[DemoAgent]) -> None:
    """Let those join that have not. Raises StartFailed."""
    missing = [agent for agent in agents if not home.identity(agent.node_id).exists()]
    if not missing:
        return
    async with FleetApi(connection) as api:
        await asyncio.gather(*(_join(api, connection.url, home, agent) for agent in missing))


async def _join(api: FleetApi, url: str, home: Home, agent: DemoAgent) -> None:
    try:
        given = await api.post(ENROLMENTS, json={"node_id": agent.node_id, "valid_seconds": VALID_SECONDS})
    except httpx.HTTPStatusError as refused:
        raise StartFailed(f"{agent.node_id} got no token to join with: {refusal(refused)}") from refused
    except httpx.HTTPError as error:
        raise StartFailed(f"{agent.node_id} got no token to join with: {error!r}") from error
    log = home.log(f"{agent.node_id}-join")
    process = OwnedProcess(
        Command(
            argv=(sys.executable, "-m", "services.node_agent", "join", url, str(given["token"])),
            env=inherited() | {"CALLBOARD_STATE_DIR": str(home.state(agent.node_id))},
            log=log,
            cwd=PROJECT,
        )
    )
    await process.start()
    try:
        status = await process.wait_at_most(JOIN_SECONDS)
    except TimeoutError:
        raise StartFailed(f"{agent.node_id} did not join in time; its log is {log}", process.log_tail()) from None
    if status != 0:
        raise StartFailed(f"{agent.node_id} did not join ({ending(status)}); its log is {log}", process.log_tail())
