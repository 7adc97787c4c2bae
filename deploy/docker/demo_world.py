"""Prepares the compose demo: asks the sandbox for a chat and accounts, and writes each node's session files.

Runs once, in the sandbox's image, before the agents start: `python demo_world.py ADMIN_URL FOLDER NODE…`. Again it
writes the same logins, so a restarted demo keeps them. Settings: `CALLBOARD_TOKEN`.
"""

import asyncio
import os
import sys
from pathlib import Path

from services.telegram_sandbox.client import SandboxClient
from services.telegram_sandbox.world.seed import SeedAccounts, SeedChat, SeedUser, WorldSeed

CHAT = "callboard_demo"
ACCOUNTS = 3


async def main(url: str, folder: Path, nodes: list[str]) -> None:
    """Apply the world and write `<folder>/<node>/<account>.session` and `<folder>/sandbox.pem`."""
    prefixes = {node.replace("-", "_"): node for node in nodes}
    seed = WorldSeed(
        users=[SeedUser(username="guest_demo", first_name="Guest")],
        chats=[SeedChat(title="Callboard demo", username=CHAT, members=["guest_demo"])],
        accounts=[SeedAccounts(count=ACCOUNTS, prefix=prefix, chats=[CHAT]) for prefix in prefixes],
    )
    async with SandboxClient(url, os.environ["CALLBOARD_TOKEN"]) as sandbox:
        sessions = await sandbox.apply(seed)
        server = await sandbox.server()
        await sandbox.set_audience(CHAT)
    (folder / "sandbox.pem").write_text(server.public_key)
    for session in sessions:
        username = session.username or ""
        node = prefixes[username.rpartition("_")[0]]
        path = folder / node / f"{username}.session"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(session.file_bytes())
    print(f"{len(sessions)} sessions for {', '.join(nodes)} in @{CHAT}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
