"""The fan-out: one script to N simulated agents over real AMQP until every delivery is verified.

The agents are one process with N queues, N consumers, and a report for every order. The floor is the same process
and the same queues with nothing behind them: a bare publisher sends N orders of the same size, a bare consumer
collects N reports. A last round that is not timed counts the deployer's statements.
"""

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

import httpx

from bench.agents import Agents
from bench.figures import Figure, Goal, Result, spread
from bench.servers import TOKEN, servers, service
from bench.statements import statements

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
MOST_STATEMENTS = 3


async def measure(count: int, rounds: int, most_times: float) -> Result:
    """Floor and fan-out in turn, several times; the medians. `most_times` is the bound of their ratio."""
    with tempfile.TemporaryDirectory(prefix="callboard-bench-") as home:
        async with (
            servers(Path(home)) as on,
            service("deployer", on) as deployer,
            Agents(on.amqp_url, count) as agents,
        ):
            queues = agents.seconds_to_declare
            await agents.introduce()
            floors, times = [], []
            for number in range(rounds):
                floors.append(await agents.floor(SCRIPT.encode()))
                times.append(await _deploy(deployer.base, agents, f"{number}"))
            memory, broker = deployer.memory(), await on.broker_memory()
            async with statements(on.postgres, "callboard deployer") as counted:
                await _deploy(deployer.base, agents, "counted")
                each = counted() / count
    floor, seconds = median(floors), median(times)
    return Result(
        f"Fan-out of a script to {count:,} agents",
        f"One script to {count:,} simulated agents, all verified; medians of {rounds} rounds.",
        (
            Figure("order to last verified", seconds, "s", f"{count / seconds:,.0f} nodes/s; {spread(times)} s"),
            Figure("bare publish-consume-report", floor, "s", f"{count / floor:,.0f} nodes/s; {spread(floors)} s"),
            Figure("queues declared and consumed", queues, "s", f"{count / queues:,.0f} a second"),
            Figure("memory of the broker", broker, "MB", f"{count:,} classic queues and consumers"),
            Figure("memory of the deployer", memory, "MB"),
        ),
        (
            Goal("times the floor's time", seconds / floor, f"at most {most_times}", seconds <= most_times * floor),
            Goal("statements for a delivery", each, f"at most {MOST_STATEMENTS}", each <= MOST_STATEMENTS),
        ),
    )


thousand = partial(measure, 1_000, 5, 2.5)
ten_thousand = partial(measure, 10_000, 3, 2.0)


async def _deploy(base: str, agents: Agents, number: str) -> float:
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
        async with asyncio.timeout(300):
            while True:
                found = (await client.get(f"{path}/deployments/{deployment}", params={"limit": 1})).json()
                if found["totals"].get("verified", 0) == len(agents.node_ids):
                    return time.monotonic() - started
                await asyncio.sleep(0.02)
