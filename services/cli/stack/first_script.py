"""The demo's first push: a script from the examples to both nodes, once they are online.

The registry calls a node online, and the deployer hears of it a moment later. So an order that is refused because a
node is unknown is given again, for a while.

Done once in the life of a home: as soon as a deployment exists, whoever made it, nothing is pushed any more. It is
all in this file so that a change of the deployer's API is a change here and nowhere else.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from services.cli.paths import DEPLOY, DEPLOYMENTS, SCRIPTS
from services.cli.problems import read_problem
from services.cli.stack.events import Listener, Said
from services.cli.stack.fleet import ASK_SECONDS, UNREADABLE, FleetApi, refusal

# What the registry has committed reaches the deployer in less than a second. Were that event lost with the broker, the
# node is told again within a minute, as every node is.
KNOWN_SECONDS = 90.0
UNKNOWN_NODES = "unknown-nodes"
YAML = {"Content-Type": "application/yaml"}


async def push_first_script(api: FleetApi, script: Path, node_ids: Sequence[str], tell: Listener) -> None:
    """Wait for the nodes, then upload and deploy. A refusal is told; it does not end the stack."""
    await api.until_online(frozenset(node_ids))
    again = f"`callboard scripts push {script} --deploy --nodes {','.join(node_ids)}` does it"
    try:
        if await api.rows(DEPLOYMENTS):
            return
        content = await asyncio.to_thread(script.read_bytes)
        stored = await api.post(SCRIPTS, content=content, headers=YAML)
        order = {"node_ids": list(node_ids), "version": stored["version"], "bind": "all"}
        await _deploy(api, f"{DEPLOY}/{stored['script_id']}", order)
        tell(Said(f"Pushed the script {stored['script_id']} to {' and '.join(node_ids)}"))
    except httpx.HTTPStatusError as refused:
        tell(Said(f"The first script was not pushed: {refusal(refused)}; {again}"))
    except (OSError, *UNREADABLE) as error:
        tell(Said(f"The first script was not pushed ({error!r}); {again}"))


async def _deploy(api: FleetApi, path: str, order: Mapping[str, Any]) -> None:
    """Give the order, again for as long as the deployer has not heard of a node yet."""
    patience = asyncio.get_running_loop().time() + KNOWN_SECONDS
    while True:
        try:
            await api.post(path, json=order)
            return
        except httpx.HTTPStatusError as refused:
            problem = read_problem(refused.response)
            unheard_of = problem is not None and problem.kind == UNKNOWN_NODES
            if not unheard_of or asyncio.get_running_loop().time() > patience:
                raise
        await asyncio.sleep(ASK_SECONDS)
