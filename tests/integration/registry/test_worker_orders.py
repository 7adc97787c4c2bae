"""Orders and reports over HTTP, on a real broker: handed over once, waited for, refused where they do no good."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.registry.settings import Settings
from shared.clock import SystemClock
from shared.contracts import names
from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import DeliverArtifact, DeliveryReported
from shared.contracts.identifiers import content_hash
from shared.contracts.leases import GrantLease
from shared.messaging import Route
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.randomness import SystemRandomness
from tests.integration.registry.conftest import TOKEN, Node, Running, running_registry
from tests.support.queues import look_at
from tests.support.waiting import until
from tests.unit.registry.builders import account, beat

WORKER = "worker-1"
COMMANDS = f"/api/v1/workers/{WORKER}/commands"
BEAT = {"node_id": WORKER, "accounts": []}
CONTENT = b"id: greeter"
DELIVERY = "dlv_" + "0" * 32


class Deployer:
    """The deployer's end of the bus: it orders, and keeps what it is told."""

    def __init__(self, bus: RabbitBus) -> None:
        self.bus = bus
        self.reports: list[DeliveryReported] = []

    async def order(self, node_id: str, attempt: int = 1) -> None:
        """Order the script of these tests."""
        artifact = Artifact(id="greeter", version=1, hash=content_hash(CONTENT))
        order = DeliverArtifact(
            node_id=node_id, delivery_id=DELIVERY, attempt=attempt, artifact=artifact, size=len(CONTENT),
            content=CONTENT.decode(), issued_at=datetime.now(UTC),
        )  # fmt: skip
        await self.bus.publish(order, message_id=f"order-{attempt}")

    async def keep(self, report: DeliveryReported) -> None:
        """A report came."""
        self.reports.append(report)


@pytest.fixture
async def deployer(amqp_url: str) -> AsyncIterator[Deployer]:
    """A deployer that consumes."""
    clock, randomness = SystemClock(), SystemRandomness()
    bus = RabbitBus(amqp_url, "deployer", [names.dead_letters_queue()], clock, randomness)
    deployer = Deployer(bus)
    consumer = RabbitConsumer(
        amqp_url, [Route(names.deployer_reports_queue(), {DeliveryReported: deployer.keep})], bus, clock, randomness
    )
    task = asyncio.create_task(consumer.run())
    await until(lambda: consumer.consuming, "the deployer consumes")
    yield deployer
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bus.close()


async def beaten(registry: Running, **more: Any) -> dict[str, Any]:
    """The answer to a heartbeat of the worker."""
    response = await registry.api.post("/api/v1/workers/heartbeat", json=BEAT | more)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def test_the_answer_to_a_heartbeat_brings_the_commands_once(registry: Running, deployer: Deployer) -> None:
    """A worker that only beats would never hear of an order, or hear of it for ever."""
    assert (await beaten(registry))["commands"] == []
    await deployer.order(WORKER)
    (command,) = (await beaten(registry))["commands"]
    assert (command["type"], command["id"]) == ("node.deliver-artifact.v1", "order-1")
    assert command["body"]["content"] == CONTENT.decode()
    assert (await beaten(registry))["commands"] == []


async def test_a_long_poll_gets_what_comes_meanwhile(registry: Running, deployer: Deployer) -> None:
    """Orders would wait for the next heartbeat."""
    await beaten(registry)
    poll = asyncio.create_task(registry.api.get(COMMANDS, params={"wait": 20}, timeout=30))
    await deployer.order(WORKER)
    answer = await asyncio.wait_for(poll, 5)
    assert [one["id"] for one in answer.json()["commands"]] == ["order-1"]
    empty = await registry.api.get(COMMANDS)
    assert empty.json() == {"commands": []}


async def test_a_poll_takes_no_more_than_it_asks_for(registry: Running, deployer: Deployer) -> None:
    """A worker with little memory would be handed everything at once."""
    await beaten(registry)
    for attempt in (1, 2, 3):
        await deployer.order(WORKER, attempt)
    answer = await registry.api.get(COMMANDS, params={"most": 2})
    assert [one["id"] for one in answer.json()["commands"]] == ["order-1", "order-2"]
    assert [one["id"] for one in (await beaten(registry))["commands"]] == ["order-3"]


async def test_who_hangs_up_takes_no_order_along(registry: Running, deployer: Deployer) -> None:
    """Every order that comes after a broken connection would be lost into it."""
    await beaten(registry)
    with pytest.raises(httpx.ReadTimeout):
        await registry.api.get(COMMANDS, params={"wait": 20}, timeout=httpx.Timeout(5, read=0.3))
    await until(lambda: consumers(registry, 0), "nobody looks into the queue any more")
    await deployer.order(WORKER)
    answer = await registry.api.get(COMMANDS, params={"wait": 5}, timeout=10)
    assert [one["id"] for one in answer.json()["commands"]] == ["order-1"]


async def test_of_one_node_the_newest_question_alone_waits(registry: Running, deployer: Deployer) -> None:
    """A connection that died without a word would take the next order into nowhere."""
    await beaten(registry)
    older = asyncio.create_task(registry.api.get(COMMANDS, params={"wait": 30}, timeout=40))
    await until(lambda: consumers(registry, 1), "the first one waits")
    newer = asyncio.create_task(registry.api.get(COMMANDS, params={"wait": 30}, timeout=40))
    assert (await asyncio.wait_for(older, 5)).json() == {"commands": []}
    await deployer.order(WORKER)
    assert len((await asyncio.wait_for(newer, 5)).json()["commands"]) == 1


async def test_those_who_wait_are_bounded(settings: Settings) -> None:
    """Polls without end would take every channel of the broker's connection."""
    async with running_registry(settings.model_copy(update={"waiting_polls": 1})) as registry:
        first = asyncio.create_task(registry.api.get(COMMANDS, params={"wait": 2}, timeout=10))
        await until(lambda: consumers(registry, 1), "the first one waits")
        refused = await registry.api.get("/api/v1/workers/b/commands", params={"wait": 1})
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:callboard:problem:too-many-polls")
        assert (await registry.api.get("/api/v1/workers/b/commands")).status_code == 200
        assert (await first).status_code == 200


async def test_those_who_wait_are_answered_when_the_registry_ends(settings: Settings) -> None:
    """Every restart of the registry would look like an outage to all who wait, and take its whole grace."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.http_port}", headers=headers) as worker:
        async with running_registry(settings) as registry:
            poll = asyncio.create_task(worker.get(COMMANDS, params={"wait": 30}, timeout=40))
            await until(lambda: consumers(registry, 1), "it waits")
        answer = await asyncio.wait_for(poll, 5)
    assert (answer.status_code, answer.json()) == (200, {"commands": []})


async def test_a_result_reaches_the_deployer(registry: Running, deployer: Deployer) -> None:
    """A delivery to a worker would never be verified."""
    result = {
        "delivery_id": DELIVERY, "attempt": 1, "outcome": "applied", "loaded_hash": content_hash(CONTENT),
        "tests_passed": True,
    }  # fmt: skip
    answer = await registry.api.post(COMMANDS, json=result)
    assert (answer.status_code, answer.json()) == (202, {"delivery_id": DELIVERY})
    await until(lambda: deployer.reports, "the report")
    report = deployer.reports[0]
    assert (report.node_id, report.outcome, report.tests_passed) == (WORKER, "applied", True)


BAD_RESULTS: list[tuple[dict[str, Any], str]] = [
    ({"outcome": "done"}, "body.outcome"),
    ({"delivery_id": "dlv_1"}, "body.delivery_id"),
    ({"surprise": 1}, "body.surprise"),
    ({"attempt": 0}, "body.attempt"),
    ({"outcome": "applied"}, "body"),
    ({"outcome": "failed"}, "body"),
    ({"outcome": "failed", "reason": "so", "cause": "bad luck"}, "body.cause"),
]


async def test_a_bad_result_is_refused_with_the_fields_path(registry: Running) -> None:
    """A worker's author would be left to guess why nothing is verified."""
    for wrong, place in BAD_RESULTS:
        answer = await registry.api.post(
            COMMANDS, json={"delivery_id": DELIVERY, "attempt": 1, "outcome": "received"} | wrong
        )
        assert answer.status_code == 422, answer.text
        assert place in [error["field"] for error in answer.json()["errors"]], answer.text


async def test_what_a_worker_names_is_shown(registry: Running) -> None:
    """Selectors would not find a worker, and its scripts would count as missing."""
    loaded = {"id": "greeter", "version": 2, "hash": content_hash(CONTENT), "tests_passed": True}
    await beaten(registry, artifacts=[loaded], labels={"site": "tokyo"}, hostname="box", version="mine 1")
    shown = await registry.get(f"/api/v1/workers/{WORKER}")
    assert (shown["labels"], shown["hostname"], shown["agent_version"]) == ({"site": "tokyo"}, "box", "mine 1")
    assert [(one["id"], one["hash"]) for one in shown["artifacts"]] == [("greeter", content_hash(CONTENT))]


async def test_an_agents_orders_are_not_given_to_a_worker(registry: Running, node: Node, deployer: Deployer) -> None:
    """A worker with an agent's node_id would take the agent's orders away, and answer for it."""
    await node.bus.publish(beat(1, account("a")))
    await node.lease(1)
    for answer in (
        await registry.api.get("/api/v1/workers/n/commands"),
        await registry.api.post(
            "/api/v1/workers/n/commands", json={"delivery_id": DELIVERY, "attempt": 1, "outcome": "received"}
        ),
    ):
        assert answer.status_code == 409
        assert answer.json()["type"].endswith("node-reports-over-the-bus")
    own = await registry.api.get("/api/v1/workers/n/commands", params={"boot": 1})
    assert own.json() == {"commands": []}
    await node.bus.publish(beat(1, account("a"), boot=2))
    await until(lambda: [each for each in node.of(GrantLease) if each.boot == 2], "the newer start has its lease")
    (refusal,) = (await registry.api.get("/api/v1/workers/n/commands", params={"boot": 1})).json()["commands"]
    assert (refusal["type"], refusal["body"]["newest_boot"]) == ("node.refuse-lease.v1", 2)
    assert deployer.reports == []


async def test_parcels_are_judged_one_by_one(registry: Running) -> None:
    """One bad message of an agent would hold up all that it has to say."""
    good = beat(1, account("a"))
    parcels = [
        parcel("other", good.model_copy(update={"node_id": "elsewhere"})),
        parcel("good", good),
        {"type": "node.unheard-of.v1", "id": "odd", "body": {}},
        {"type": "node.grant-lease.v1", "id": "order", "body": {}},
        {"type": "node.heartbeat.v1", "id": "half", "body": {"node_id": "n"}},
    ]
    answer = await registry.api.post("/api/v1/workers/n/reports", json={"parcels": parcels})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["taken"] == ["good"]
    reasons = {one["id"]: one["reason"] for one in told["refused"]}
    assert "speaks for node 'elsewhere'" in reasons["other"]
    assert "'node.unheard-of.v1' is not handled here: send one of" in reasons["odd"]
    assert "'node.grant-lease.v1' is not handled here" in reasons["order"]
    assert "boot" in reasons["half"]
    await until(lambda: shown(registry, "a"), "the account of the good one")


async def test_an_agent_over_http_gets_its_lease_by_its_poll(registry: Running) -> None:
    """A lease that is sent to nowhere: the agent would never run an account."""
    await registry.api.get("/api/v1/workers/n/commands", params={"boot": 1})
    report = {"parcels": [parcel("b1", beat(1, account("a")))]}
    await registry.api.post("/api/v1/workers/n/reports", json=report)
    answer = await registry.api.get("/api/v1/workers/n/commands", params={"boot": 1, "wait": 10}, timeout=20)
    (lease,) = (each for each in answer.json()["commands"] if each["type"] == GrantLease.TYPE)
    assert lease["body"]["seq"] == 1


async def shown(registry: Running, account_id: str) -> bool:
    """Whether the registry shows the account."""
    return account_id in await registry.accounts()


async def consumers(registry: Running, count: int) -> bool:
    """Whether so many look into the worker's queue."""
    return (await look_at(registry.settings.amqp_url, names.node_commands_queue(WORKER).name)).consumers == count


def parcel(message_id: str, message: Any) -> dict[str, Any]:
    """A message as it is sent over HTTP."""
    return {"type": message.TYPE, "id": message_id, "body": message.model_dump(mode="json")}
