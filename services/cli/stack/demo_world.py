"""The demo's world: a chat in the Telegram sandbox, and for each agent three accounts that are members of it.

Asked for through the sandbox's admin API, with plain requests: services do not import each other. Asking again
changes nothing and gives the same logins, so this runs at every start. A session file that already holds the same
login is left alone, for the agent keeps its newest state in it.
"""

import base64
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from services.cli.embedded.errors import StartFailed
from services.cli.kept import private_directory, write_private
from services.cli.stack.layout import Home
from services.cli.stack.plan import ACCOUNTS_PER_AGENT, DEMO_CHAT

REQUEST_SECONDS = 15.0
CHAT_TITLE = "Callboard demo"


async def prepare_demo_world(admin_url: str, token: str, home: Home, node_ids: Sequence[str]) -> None:
    """Make the chat and the accounts; write the sandbox's public key and the session files below `home`.

    Raises StartFailed when the sandbox refuses or does not answer.
    """
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with httpx.AsyncClient(
            base_url=f"{admin_url}/api/v1", headers=headers, timeout=REQUEST_SECONDS, trust_env=False
        ) as sandbox:
            server = (await sandbox.get("/server")).raise_for_status().json()
            logins = (await sandbox.post("/world", json=demo_seed(node_ids))).raise_for_status().json()
    except httpx.HTTPError as error:
        raise StartFailed(f"the Telegram sandbox did not make the demo's accounts: {error!r}") from error
    write_private(home.sandbox_key, server["public_key"])
    for node_id in node_ids:
        _write_sessions(home.sessions(node_id), account_prefix(node_id), logins)


def demo_seed(node_ids: Sequence[str]) -> dict[str, Any]:
    """The world as the sandbox's admin API takes it."""
    accounts = [
        {"count": ACCOUNTS_PER_AGENT, "prefix": account_prefix(node_id), "chats": [DEMO_CHAT]} for node_id in node_ids
    ]
    chat = {"kind": "supergroup", "title": CHAT_TITLE, "username": DEMO_CHAT}
    return {"chats": [chat], "accounts": accounts}


def account_prefix(node_id: str) -> str:
    """Telegram's user names have no hyphens: demo-a's accounts are demo_a_1, demo_a_2 …"""
    return node_id.replace("-", "_")


def _write_sessions(folder: Path, prefix: str, logins: Sequence[dict[str, Any]]) -> None:
    private_directory(folder)
    for login in logins:
        name = str(login["username"])
        if name.startswith(f"{prefix}_"):
            _write_session(folder / f"{name}.session", base64.b64decode(login["session_file"]))


def _write_session(path: Path, content: bytes) -> None:
    """Beside its place and renamed, unless the file holds this login already."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(content)
    draft.chmod(0o600)
    if path.exists() and login_key(path) == login_key(draft):
        draft.unlink()
    else:
        draft.replace(path)


def login_key(path: Path) -> bytes | None:
    """The authorisation key in a Telethon session file; None if there is none to be read."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            row = database.execute("select auth_key from sessions").fetchone()
    except sqlite3.Error:
        return None
    return bytes(row[0]) if row and row[0] else None
