"""The demo's first push: a script from the examples to both nodes, once they are online.

Done once in the life of a home: as soon as a deployment exists, whoever made it, nothing is pushed any more. It is
all in this file so that a change of the deployer's API is a change here and nowhere else.
"""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import httpx

from services.cli.stack.events import Listener, Said
from services.cli.stack.fleet import DEPLOY, DEPLOYMENTS, SCRIPTS, FleetApi

ASK_SECONDS = 1.0
YAML = {"Content-Type": "application/yaml"}


async def push_first_script(api: FleetApi, script: Path, node_ids: Sequence[str], tell: Listener) -> None:
    """Wait for the nodes, then upload and deploy. A refusal is told; it does not end the stack."""
    await _wait_online(api, frozenset(node_ids))
    try:
        if await api.rows(DEPLOYMENTS):
            return
        text = await asyncio.to_thread(script.read_text, "utf-8")
        await api.post(SCRIPTS, content=text.encode(), headers=YAML)
        script_id = id_of(text)
        order = {"node_ids": list(node_ids), "version": None, "bind": "all"}
        await api.post(f"{DEPLOY}/{script_id}", json=order)
        tell(Said(f"Pushed the script {script_id} to {' and '.join(node_ids)}"))
    except httpx.HTTPStatusError as refused:
        tell(Said(f"The first script was not pushed: {refused.response.status_code} {refused.response.text[:300]}"))
    except (httpx.HTTPError, OSError, ValueError, KeyError) as error:
        tell(Said(f"The first script was not pushed: {error!r}; push it with `callboard scripts push {script}`"))


def id_of(text: str) -> str:
    """The script's id: its top-level `id:` line. Raises ValueError."""
    found = re.search(r"^id:\s*[\"']?([a-z0-9][a-z0-9_-]{0,62})[\"']?\s*(?:#.*)?$", text, re.MULTILINE)
    if found is None:
        raise ValueError("the script has no line `id: …`")
    return found[1]


async def _wait_online(api: FleetApi, node_ids: frozenset[str]) -> None:
    while True:
        try:
            if node_ids <= await api.online_nodes():
                return
        except (httpx.HTTPError, ValueError, KeyError):
            pass  # The console is not there yet, or restarting: ask again.
        await asyncio.sleep(ASK_SECONDS)
