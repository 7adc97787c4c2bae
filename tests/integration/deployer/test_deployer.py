"""The whole deployer with real RabbitMQ and PostgreSQL, and small agents at the other end."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aio_pika
import pytest

from services.deployer.api.script_source import EXAMPLE
from shared.contracts import names
from shared.contracts.deliveries import INLINE_LIMIT, DeliveryOutcome, FailureCause
from tests.integration.deployer.running import Agent, Deployer, Listener, purge, settings
from tests.support.queues import look_at
from tests.support.waiting import until

LARGE = EXAMPLE + "# " + "x" * INLINE_LIMIT + "\n"


class Scene:
    """A deployer and two agents."""

    def __init__(self, deployer: Deployer, agents: tuple[Agent, Agent], amqp_url: str) -> None:
        self.deployer = deployer
        self.agents = agents
        self.amqp_url = amqp_url


@pytest.fixture
async def scene(database_url: str, amqp_url: str) -> AsyncIterator[Scene]:
    """Everything up, `EXAMPLE` pushed."""
    async with AsyncExitStack() as stack:
        deployer = await stack.enter_async_context(Deployer(settings(database_url, amqp_url)).up())
        first, second = [await stack.enter_async_context(Agent(amqp_url, name).up()) for name in ("demo-a", "demo-b")]
        await deployer.knows("demo-a", "demo-b")
        await deployer.push(EXAMPLE)
        yield Scene(deployer, (first, second), amqp_url)


async def test_a_script_comes_to_every_node_and_each_state_is_told_once(scene: Scene) -> None:
    """The job of the deployer, whole."""
    async with Listener(scene.amqp_url, "deploy.#").up() as listener:
        deployment_id = await scene.deployer.deploy("greeter", node_ids=["demo-a", "demo-b"], bind="all")
        ended = await scene.deployer.ended(deployment_id)
        states = ("sent", "received", "applied", "verified")
        expected = Counter({**dict.fromkeys(states, 2), "running": 1, "succeeded": 1})
        await until(lambda: Counter(one["state"] for one in listener.heard) == expected, "everything is told")
    assert ended["totals"]["verified"] == 2
    assert {agent.loaded["greeter"] for agent in scene.agents} == {EXAMPLE.encode()}
    assert [order.bind for agent in scene.agents for order in agent.orders] == ["all", "all"]


async def test_large_content_is_fetched_with_the_signed_link(scene: Scene) -> None:
    """Otherwise a script over the limit of a message could not be delivered."""
    await scene.deployer.push(LARGE)
    deployment_id = await scene.deployer.deploy("greeter", selector="region=eu")
    await scene.deployer.ended(deployment_id)
    assert {agent.loaded["greeter"] for agent in scene.agents} == {LARGE.encode()}
    assert all(order.content is None for agent in scene.agents for order in agent.orders)


async def test_orders_and_reports_that_the_broker_lost_are_made_good(scene: Scene) -> None:
    """Otherwise erasing the broker in the middle of a rollout would need an operator."""
    first, second = scene.agents
    first.deaf = lambda order: order.attempt <= 2
    deployment_id = await scene.deployer.deploy("greeter", selector="all")
    await until(lambda: len(first.orders) >= 1, "the first order arrives")
    for queue in (f"node.{second.node_id}.commands", names.DEPLOYER_REPORTS_QUEUE):
        await purge(scene.amqp_url, queue)
    ended = await scene.deployer.ended(deployment_id)
    assert ended["totals"]["verified"] == 2
    assert [order.attempt for order in first.orders][:3] == [1, 2, 3]


async def test_a_node_whose_queue_is_gone_gets_its_order_when_it_is_back(scene: Scene) -> None:
    """Otherwise an order without a queue would block the outbox, or be forgotten."""
    ghost = Agent(scene.amqp_url, "ghost")
    await ghost.announce()
    await scene.deployer.knows("ghost")
    deployment_id = await scene.deployer.deploy("greeter", node_ids=["ghost", "demo-a"])

    async def verified() -> bool:
        return bool((await scene.deployer.deployment(deployment_id))["totals"]["verified"])

    await until(verified, "the other node is verified")
    async with ghost.up():
        await scene.deployer.ended(deployment_id)
    assert ghost.loaded["greeter"] == EXAMPLE.encode()


async def test_a_failed_node_is_shown_with_its_reason(scene: Scene) -> None:
    """Otherwise an operator would see a failure without a cause."""
    first, second = scene.agents
    first.deaf = lambda _: True
    deployment_id = await scene.deployer.deploy("greeter", selector="all")
    await until(lambda: first.orders, "the order arrives")
    reason = "greets: said something else"
    await first.report(first.orders[0], DeliveryOutcome.FAILED, cause=FailureCause.TESTS_FAILED, reason=reason)
    ended = await scene.deployer.ended(deployment_id, "failed")
    assert [(one["state"], one["cause"], one["reason"]) for one in ended["deliveries"]] == [
        ("failed", "tests_failed", reason),
        ("verified", None, None),
    ]
    assert second.loaded


async def test_reports_that_cannot_be_are_dead_letters_with_the_reason(scene: Scene) -> None:
    """Otherwise a report for another node would count, or disappear without a trace."""
    first, second = scene.agents
    first.deaf = lambda _: True
    deployment_id = await scene.deployer.deploy("greeter", selector="all")
    await until(lambda: first.orders, "the order arrives")
    await second.report(first.orders[0], DeliveryOutcome.APPLIED, loaded_hash=first.orders[0].artifact.hash)
    unknown = first.orders[0].model_copy(update={"delivery_id": "dlv_" + "f" * 32})
    await first.report(unknown, DeliveryOutcome.RECEIVED)

    async def letters() -> list[dict[str, str]]:
        found = (await scene.deployer.http.get("/api/v1/dead-letters")).json()["items"]
        return found if len(found) == 2 else []

    found = await until(letters, "both are dead letters")
    reasons = " | ".join(sorted(letter["reason"] for letter in found))
    assert "is for node 'demo-a', not for 'demo-b'" in reasons and "there is no delivery dlv_ffff" in reasons

    async def only_one_verified() -> bool:
        totals = (await scene.deployer.deployment(deployment_id))["totals"]
        return (totals["sent"], totals["verified"]) == (1, 1)

    await until(only_one_verified, "the node that reported for itself is verified, the other is not")
    foreign = next(letter for letter in found if "not for" in letter["reason"])
    path = f"/api/v1/dead-letters/{foreign['id']}"
    assert (await scene.deployer.http.post(f"{path}/replay")).json()["outcome"] == "replayed"
    again = await until(letters, "it is a dead letter again")
    for letter in again:
        assert (await scene.deployer.http.delete(f"/api/v1/dead-letters/{letter['id']}")).status_code == 200
    assert (await scene.deployer.http.get("/api/v1/dead-letters")).json()["items"] == []


async def test_a_hand_written_report_is_taken(scene: Scene) -> None:
    """Otherwise an operator could not help a delivery along from the broker's console."""
    first, _ = scene.agents
    first.deaf = lambda _: True
    deployment_id = await scene.deployer.deploy("greeter", node_ids=["demo-a"])
    await until(lambda: first.orders, "the order arrives")
    order = first.orders[0]
    body = (
        f'{{"node_id": "demo-a", "delivery_id": "{order.delivery_id}", "attempt": 1, "outcome": "applied", '
        f'"loaded_hash": "{order.artifact.hash}", "tests_passed": true, "at": "2026-01-01T00:00:00Z"}}'
    )
    async with await aio_pika.connect(scene.amqp_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(names.EVENTS)
        await exchange.publish(aio_pika.Message(body.encode()), names.delivery_key("demo-a"))
    await scene.deployer.ended(deployment_id)


async def test_the_process_runs_and_ends_in_time(database_url: str, amqp_url: str) -> None:
    """Otherwise every restart would wait for the supervisor's patience, or lose work."""
    given = settings(database_url, amqp_url)
    environment = os.environ | {
        "CALLBOARD_AMQP_URL": amqp_url,
        "CALLBOARD_DATABASE_URL": database_url,
        "CALLBOARD_TOKEN": given.token.get_secret_value(),
        "CALLBOARD_SECRET": given.secret.get_secret_value(),
        "CALLBOARD_PUBLIC_URL": given.public_url,
        "CALLBOARD_HTTP_PORT": str(given.http_port),
    }
    command = (sys.executable, "-m", "services.deployer")
    migrate = await asyncio.create_subprocess_exec(*command, "migrate", env=environment)
    assert await asyncio.wait_for(migrate.wait(), 30) == 0
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        await until(lambda: _is_consumed(amqp_url), "the process consumes", 30)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _is_consumed(amqp_url: str) -> bool:
    return (await look_at(amqp_url, names.DEPLOYER_REPORTS_QUEUE)).consumers > 0
