"""The fan-out: one script to N simulated agents over real AMQP until every delivery is verified.

The agents are one process with N queues, N consumers, and a report for every order. The floor is the same process
and the same queues with nothing behind them: a bare publisher sends N orders of the same size, a bare consumer
collects N reports.
"""

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import httpx

from bench.agents import Agents
from bench.figures import Figure, Goal, Result, spread
from bench.servers import TOKEN, servers, service

AGENTS = 1_000
SCRIPT = """
id: bench
chats: ["@bench"]
scenes:
  hello:
    triggers: [{message: {text: "hello"}}]
    steps: [{reply: "hello, round ROUND"}]
tests:
  - name: says hello
    dialogue: [{guest: "hello"}, {expect: "hello, round ROUND"}]
"""
ROUNDS = 5


async def measure(count: int = AGENTS) -> Result:
    """Floor and fan-out in turn, several times; the medians."""
    with tempfile.TemporaryDirectory(prefix="callboard-bench-") as home:
        async with (
            servers(Path(home)) as on,
            service("deployer", on) as base,
            Agents(on.amqp_url, count) as agents,
        ):
            await agents.introduce()
            floors, times = [], []
            for number in range(ROUNDS):
                floors.append(await agents.floor(SCRIPT.encode()))
                times.append(await _deploy(base, agents, number))
    floor, seconds = median(floors), median(times)
    return Result(
        "Fan-out of a script",
        f"One script to {count:,} simulated agents, all verified; medians of {ROUNDS} rounds.",
        (
            Figure("order to last verified", seconds, "s", f"{count / seconds:,.0f} nodes/s; {spread(times)} s"),
            Figure("bare publish-consume-report", floor, "s", f"{count / floor:,.0f} nodes/s; {spread(floors)} s"),
        ),
        (Goal("times the floor's time", seconds / floor, "at most 2.5", seconds <= 2.5 * floor),),
    )


async def _deploy(base: str, agents: Agents, number: int) -> float:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    source = SCRIPT.replace("ROUND", f"{number} {datetime.now(UTC).timestamp()}")
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as client:
        pushed = await client.post(
            "/api/v1/group-ai/scripts", content=source, headers={"content-type": "application/yaml"}
        )
        pushed.raise_for_status()
        started = time.monotonic()
        path = "/api/v1/group-ai/script-deployment"
        answer = await client.post(f"{path}/deploy/bench", json={"node_ids": agents.node_ids})
        answer.raise_for_status()
        deployment = answer.json()["deployment_id"]
        async with asyncio.timeout(120):
            while True:
                found = (await client.get(f"{path}/deployments/{deployment}", params={"limit": 1})).json()
                if found["totals"].get("verified", 0) == len(agents.node_ids):
                    return time.monotonic() - started
                await asyncio.sleep(0.02)
