"""The compose demo's accounts: from the sandbox into the vault, and from there to the nodes. In the sandbox's image.

    python demo_world.py prepare SANDBOX_ADMIN KEY_FILE CONSOLE NODE…    before the agents start
    python demo_world.py assign CONSOLE NODE…                            when they run

`prepare` asks the sandbox for a chat and accounts, writes its public key, and uploads the logins that the vault does
not have; no file has them. `assign` assigns each account that never was assigned. Both may be repeated: a restarted
demo keeps its logins, and its accounts stay where the operator moved them. Settings: `CALLBOARD_TOKEN`.
"""

import asyncio
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from services.telegram_sandbox.api.bodies import ReadySessionRow
from services.telegram_sandbox.client import SandboxClient
from services.telegram_sandbox.world.seed import SeedAccounts, SeedChat, SeedUser, WorldSeed

CHAT = "callboard_demo"
SANDBOX = "telegram-sandbox"
ACCOUNTS = 3
GROUP = "/api/v1/group-ai"
# The registry hears of the nodes with their first beat, and of the logins in a moment.
PATIENCE_SECONDS, PAUSE_SECONDS = 180.0, 1.0


class NotDone(Exception):
    """The text says what is missing."""


def main(what: str, arguments: list[str]) -> int:
    """One of the two; the exit status."""
    try:
        if what == "prepare":
            admin, key_file, console, *nodes = arguments
            key, logins = asyncio.run(world(admin, nodes))
            Path(key_file).write_text(key)
            upload(console, logins)
        else:
            console, *nodes = arguments
            assign(console, nodes)
    except (NotDone, httpx.HTTPError) as error:
        print(f"the demo's accounts are not ready: {error}", file=sys.stderr)
        return 1
    return 0


async def world(admin: str, nodes: list[str]) -> tuple[str, list[ReadySessionRow]]:
    """Make the chat and its accounts: the sandbox's public key, and their logins."""
    seed = WorldSeed(
        users=[SeedUser(username="guest_demo", first_name="Guest")],
        chats=[SeedChat(title="Callboard demo", username=CHAT, members=["guest_demo"])],
        accounts=[SeedAccounts(count=ACCOUNTS, prefix=prefix_of(node), chats=[CHAT]) for node in nodes],
    )
    async with SandboxClient(admin, os.environ["CALLBOARD_TOKEN"]) as sandbox:
        logins = await sandbox.apply(seed)
        await sandbox.set_audience(CHAT)
        return (await sandbox.server()).public_key, logins


def upload(console: str, logins: list[ReadySessionRow]) -> None:
    """Bring the logins that the vault does not have there. Raises NotDone."""
    with api_of(console) as api:
        known = {row["account_id"] for row in listed(api, "/sessions")}
        missing = [login for login in logins if login.username not in known]
        for login in missing:
            answer = api.post(
                f"{GROUP}/sessions",
                params={"account_id": str(login.username)},
                headers={"content-type": "application/octet-stream"},
                content=at_its_name(login.file_bytes(), SANDBOX),
            )
            if answer.is_error:
                advice = f"is CALLBOARD_SANDBOX_ADDRESS={SANDBOX} set for the deployer?"
                raise NotDone(f"the vault did not take {login.username}: {answer.text}; {advice}")
    print(f"{len(missing)} of {len(logins)} logins uploaded; the vault had the others")


def at_its_name(session: bytes, name: str) -> bytes:
    """The login with the sandbox's name in it: the vault knows that, and the address is another one at every start."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(session)
        database.execute("update sessions set server_address = ?", (name,))
        database.commit()
        return bytes(database.serialize())


def assign(console: str, nodes: list[str]) -> None:
    """Assign what never was; wait for the registry to know of it."""
    with api_of(console) as api:
        until(lambda: {row["node_id"] for row in paged(api, "/api/v1/workers")} >= set(nodes), "the nodes report")
        wanted = {f"{prefix_of(node)}_{number}": node for node in nodes for number in range(1, ACCOUNTS + 1)}
        until(lambda: {row["account_id"] for row in listed(api, "/assignments")} >= wanted.keys(), "the vault is known")
        for row in listed(api, "/assignments"):
            account = row["account_id"]
            if account in wanted and row["state"] == "unassigned" and row["epoch"] == 0:
                api.post(f"{GROUP}/accounts/{account}/assignment", json={"node_id": wanted[account]}).raise_for_status()
                print(f"{account} goes to {wanted[account]}")


def prefix_of(node: str) -> str:
    """Telegram's user names have no hyphens."""
    return node.replace("-", "_")


def api_of(console: str) -> httpx.Client:
    """The console's API, as an operator."""
    return httpx.Client(base_url=console, headers={"authorization": f"Bearer {os.environ['CALLBOARD_TOKEN']}"})


def listed(api: httpx.Client, path: str) -> list[dict[str, Any]]:
    """A list of the accounts' API; the demo's fit on one page."""
    return paged(api, f"{GROUP}{path}")


def paged(api: httpx.Client, path: str) -> list[dict[str, Any]]:
    """A list's first page."""
    items: list[dict[str, Any]] = api.get(path, params={"limit": 1000}).raise_for_status().json()["items"]
    return items


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait. Raises NotDone."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise NotDone(f"in {PATIENCE_SECONDS:.0f} s it was not so that {what}")
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
