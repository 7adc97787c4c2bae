"""The processes that hold accounts in `bench.accounts`: the real agent, or bare Telethon clients.

`python -m bench.account_host agent` runs the agent with the settings of its environment.
`python -m bench.account_host bare FOLDER ADDRESS PORT DC` says "ready", waits for a line, connects a client for each
session file in the folder, twenty at once, and then says "connected".

Either answers SIGUSR1 with its memory in kilobytes, after it has given back what it does not use: without that, the
figure is of what the process once needed.
"""

import asyncio
import ctypes
import gc
import signal
import sys
from pathlib import Path

from telethon import TelegramClient, events
from telethon.sessions import SQLiteSession, StringSession

from services.node_agent.app import build
from services.node_agent.settings import AgentSettings
from services.node_agent.store.identity_file import IdentityFile
from shared import logging
from shared.clock import SystemClock
from shared.randomness import SystemRandomness
from shared.service import allow_many_files, run_until_signal
from shared.settings import read_settings

AT_ONCE = 20
PAGE_KB = 4


def tell_memory() -> None:
    """Print what is resident, in KB."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KB
    print(f"memory {resident}", flush=True)


async def agent() -> None:
    """The agent itself."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell_memory)
    settings = read_settings(AgentSettings)
    membership = IdentityFile(settings.state_dir).read()
    await build(settings, membership, SystemClock(), SystemRandomness()).run()


async def bare(files: list[Path], address: str, port: int, dc_id: int) -> None:
    """Clients that are connected and hear, and nothing else."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell_memory)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    places = asyncio.Semaphore(AT_ONCE)

    async def connected(path: Path) -> TelegramClient:
        file = SQLiteSession(str(path))
        session = StringSession()
        session.set_dc(dc_id, address, port)
        session.auth_key = file.auth_key
        file.close()
        client = TelegramClient(session, 1, "sandbox")
        client.add_event_handler(lambda event: None, events.NewMessage)
        async with places:
            await client.connect()
        return client

    clients = await asyncio.gather(*(connected(path) for path in files))
    print("connected", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        del clients


def main() -> int:
    """Run what is asked for until SIGTERM."""
    logging.configure("bench", "WARNING", "json")
    allow_many_files()
    kind, *arguments = sys.argv[1:]
    if kind == "agent":
        return asyncio.run(run_until_signal({"agent": agent}))
    folder, address, port, dc_id = arguments
    files = sorted(Path(folder).glob("*.session"))
    return asyncio.run(run_until_signal({"bare": lambda: bare(files, address, int(port), int(dc_id))}))


if __name__ == "__main__":
    sys.exit(main())
