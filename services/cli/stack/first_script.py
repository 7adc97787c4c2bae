"""The demo's first push: a script from the examples to both nodes, once they are online.

Done once in the life of a home: as soon as a deployment exists, whoever made it, nothing is pushed any more. It is
all in this file so that a change of the deployer's API is a change here and nowhere else.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import httpx

from services.cli.paths import DEPLOY, DEPLOYMENTS, SCRIPTS
from services.cli.stack.events import Listener, Said
from services.cli.stack.fleet import UNREADABLE, FleetApi, refusal

ASK_SECONDS = 1.0
YAML = {"Content-Type": "application/yaml"}


async def push_first_script(api: FleetApi, script: Path, node_ids: Sequence[str], tell: Listener) -> None:
    """Wait for the nodes, then upload and deploy. A refusal is told; it does not end the stack."""
    await _wait_online(api, frozenset(node_ids))
    again = f"`callboard scripts push {script} --deploy --nodes {','.join(node_ids)}` does it"
    try:
        if await api.rows(DEPLOYMENTS):
            return
        content = await asyncio.to_thread(script.read_bytes)
        stored = await api.post(SCRIPTS, content=content, headers=YAML)
        order = {"node_ids": list(node_ids), "version": stored["version"], "bind": "all"}
        await api.post(f"{DEPLOY}/{stored['script_id']}", json=order)
        tell(Said(f"Pushed the script {stored['script_id']} to {' and '.join(node_ids)}"))
    except httpx.HTTPStatusError as refused:
        tell(Said(f"The first script was not pushed: {refusal(refused)}; {again}"))
    except (OSError, *UNREADABLE) as error:
        tell(Said(f"The first script was not pushed ({error!r}); {again}"))


async def _wait_online(api: FleetApi, node_ids: frozenset[str]) -> None:
    while True:
        try:
            if node_ids <= await api.online_nodes():
                return
        except UNREADABLE:
            pass  # The console is not there yet, or restarting: ask again.
        await asyncio.sleep(ASK_SECONDS)
