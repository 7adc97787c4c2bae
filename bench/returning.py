"""The return: 10,000 nodes that beat, a broker that restarts, and how long it takes until they are back.

The nodes are in one process, 250 on a connection, each with its own queue, its own beat every ten seconds and its own
lease of thirty. A node is back when a lease has reached it for a beat that it sent after the broker's return. Nobody
may be declared offline meanwhile: the nodes are alive, it was the broker that was away.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import asyncpg

from bench.beating import Fleet
from bench.figures import Figure, Goal, Result
from bench.servers import Servers, servers, service

NODES = 10_000
LEASE_SECONDS = 30
BEAT_SECONDS = 10
SHARE = 0.99
WITHIN_SECONDS = 60
# A lease, the registry's quiet time after it and some more: whoever is falsely declared dead is so by then.
WATCHED_SECONDS = 120


async def measure() -> Result:
    """Bring all nodes online, restart the broker, and watch."""
    with tempfile.TemporaryDirectory(prefix="callboard-bench-") as home:
        async with (
            servers(Path(home), lease_seconds=LEASE_SECONDS) as on,
            service("registry", on) as registry,
            Fleet(on.amqp_url, NODES, BEAT_SECONDS) as fleet,
        ):
            began = time.monotonic()
            await fleet.leased_since(began, NODES, seconds=600)
            online = time.monotonic() - began
            watch = asyncio.create_task(_most_offline(on, WATCHED_SECONDS))
            down = time.monotonic()
            await on.broker.stop(15)
            await on.broker.start()
            up = time.monotonic()
            await fleet.leased_since(up, int(NODES * SHARE), seconds=600)
            most = time.monotonic() - up
            await fleet.leased_since(up, NODES, seconds=600)
            everyone = time.monotonic() - up
            false = await watch
            memory, broker = registry.memory(), await on.broker_memory()
    return Result(
        f"Return of {NODES:,} nodes after a restart of the broker",
        f"A beat every {BEAT_SECONDS} s, a lease of {LEASE_SECONDS} s, 250 nodes on a connection; all on these cores.",
        (
            Figure("first start until all have a lease", online, "s"),
            Figure("the broker was away", up - down, "s"),
            Figure("99 % have a lease again", most, "s", "after the broker's return"),
            Figure("all have a lease again", everyone, "s"),
            Figure("memory of the broker", broker, "MB"),
            Figure("memory of the registry", memory, "MB"),
        ),
        (
            Goal("s until 99 % are back", most, f"at most {WITHIN_SECONDS}", most <= WITHIN_SECONDS),
            Goal("false offline verdicts", false, "none", false == 0),
        ),
    )


async def _most_offline(on: Servers, seconds: float) -> int:
    """The most nodes that were offline at once; a verdict stays for seconds, so no look misses it."""
    most, until = 0, time.monotonic() + seconds
    connection = await asyncpg.connect(on.dsn)
    try:
        while time.monotonic() < until:
            offline = await connection.fetchval("select count(*) from registry.nodes where status = 'offline'")
            most = max(most, offline)
            await asyncio.sleep(0.5)
    finally:
        await connection.close()
    return most
