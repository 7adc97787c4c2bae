"""The demo's world: a chat in the Telegram sandbox, and for each agent three accounts that are members of it.

Asked for through the sandbox's admin API, with plain requests: services do not import each other. Asking again
changes nothing and gives the same logins, so this runs at every start. The logins stay in memory: from here they go
into the vault (`demo_logins`), and no file has them.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.cli.embedded.errors import StartFailed
from services.cli.kept import write_private
from services.cli.stack.layout import Home
from services.cli.stack.plan import ACCOUNTS_PER_AGENT, DEMO_CHAT
from shared.tls import needed

REQUEST_SECONDS = 15.0
CHAT_TITLE = "Callboard demo"


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """An account's login as a Telethon session file, and the node that runs the account at first."""

    account_id: str
    node_id: str
    session: bytes = field(repr=False)


async def prepare_demo_world(admin_url: str, token: str, home: Home, node_ids: Sequence[str]) -> list[DemoLogin]:
    """Make the chat and the accounts, and write the sandbox's public key below `home`; the accounts' logins.

    Raises StartFailed when the sandbox refuses or does not answer.
    """
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with httpx.AsyncClient(
            base_url=f"{admin_url}/api/v1",
            headers=headers,
            timeout=REQUEST_SECONDS,
            trust_env=False,
            verify=needed(admin_url),
        ) as sandbox:
            server = (await sandbox.get("/server")).raise_for_status().json()
            given = (await sandbox.post("/world", json=demo_seed(node_ids))).raise_for_status().json()
    except httpx.HTTPError as error:
        raise StartFailed(f"the Telegram sandbox did not make the demo's accounts: {error!r}") from error
    write_private(home.sandbox_key, server["public_key"])
    return demo_logins(node_ids, given)


def demo_seed(node_ids: Sequence[str]) -> dict[str, Any]:
    """The world as the sandbox's admin API takes it."""
    accounts = [
        {"count": ACCOUNTS_PER_AGENT, "prefix": account_prefix(node_id), "chats": [DEMO_CHAT]} for node_id in node_ids
    ]
    chat = {"kind": "supergroup", "title": CHAT_TITLE, "username": DEMO_CHAT}
    return {"chats": [chat], "accounts": accounts}


def demo_logins(node_ids: Sequence[str], given: Sequence[dict[str, Any]]) -> list[DemoLogin]:
    """The logins that the sandbox gave, each with the node that its account's name says."""
    nodes = {account_prefix(node_id): node_id for node_id in node_ids}
    found = []
    for login in given:
        name = str(login["username"])
        node_id = nodes.get(name.rpartition("_")[0])
        if node_id is not None:
            found.append(DemoLogin(name, node_id, base64.b64decode(login["session_file"])))
    return found


def account_prefix(node_id: str) -> str:
    """Telegram's user names have no hyphens: demo-a's accounts are demo_a_1, demo_a_2 …"""
    return node_id.replace("-", "_")
