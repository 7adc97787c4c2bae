"""The intake: heartbeats through real RabbitMQ into real PostgreSQL, in account rows a second.

Two thousand heartbeats with a hundred changed accounts each come from another process as fast as the broker confirms
them; the clock runs from the first publish until every node's last beat is committed. Floors: see `floors.py`.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import asyncpg

from bench.figures import Figure, Goal, Result, spread
from bench.floors import bare_upsert, naive
from bench.servers import Servers, servers, service

NODES, ACCOUNTS, ROUNDS = 100, 100, 20
NAIVE_NODES = 5
TURNS = 5


async def measure() -> Result:
    """Floor and intake in turn, several times; the medians, because other work on the machine comes and goes."""
    floors, rates, naives = [], [], []
    with tempfile.TemporaryDirectory(prefix="callboard-bench-") as home:
        async with servers(Path(home)) as on, service("registry", on):
            await _through_the_registry(on, rounds=2, first_seq=1)  # warm-up: the rows exist, plans are cached
            for number in range(TURNS):
                floors.append(await bare_upsert(on.dsn, NODES, ACCOUNTS, ROUNDS))
                rates.append(await _through_the_registry(on, rounds=ROUNDS, first_seq=3 + number * ROUNDS))
                naives.append(await naive(on.database_url, NAIVE_NODES, ACCOUNTS))
    floor, rate, slow = median(floors), median(rates), median(naives)
    return Result(
        "Intake of heartbeats",
        f"{NODES} nodes × {ROUNDS} heartbeats × {ACCOUNTS} changed accounts, through RabbitMQ into PostgreSQL; "
        f"medians of {TURNS} turns.",
        (
            Figure("intake", rate, "account rows/s", f"{spread(rates)}; broker, database and load on the same cores"),
            Figure("bare `unnest` upsert", floor, "account rows/s", spread(floors)),
            Figure("the naive way", slow, "account rows/s", f"{spread(naives)}; select, then ORM, commit per 100"),
        ),
        (
            Goal("of the bare upsert", rate / floor, "at least 0.5", rate >= 0.5 * floor),
            Goal("times the naive way", rate / slow, "at least 25", rate >= 25 * slow),
        ),
    )


async def _through_the_registry(on: Servers, rounds: int, first_seq: int) -> float:
    last = first_seq + rounds - 1
    load = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.load",
        on.amqp_url,
        str(NODES),
        str(ACCOUNTS),
        str(first_seq),
        str(last),
        stdout=asyncio.subprocess.PIPE,
    )
    assert load.stdout is not None
    started = float(await load.stdout.readline())
    connection = await asyncpg.connect(on.dsn)
    try:
        async with asyncio.timeout(120):
            while await connection.fetchval("select count(*) from registry.nodes where seq >= $1", last) < NODES:
                await asyncio.sleep(0.02)
        seconds = time.monotonic() - started
        rows = await connection.fetchval("select count(*) from registry.accounts where seq = $1", last)
        if rows != NODES * ACCOUNTS:
            raise RuntimeError(f"{rows} of {NODES * ACCOUNTS} accounts carry the last beat: the figure would be false")
    finally:
        await connection.close()
    await load.wait()
    return NODES * ACCOUNTS * rounds / seconds
