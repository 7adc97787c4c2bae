"""Assignments on a real broker and a real database: from an upload to a move, over HTTP and the bus."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from services.registry.settings import Settings
from shared.clock import SystemClock
from shared.contracts import names
from shared.contracts.assignments import (
    AssignAccounts,
    AssignmentSet,
    ReleasedAccount,
    SessionWanted,
    assignments_digest,
)
from shared.contracts.leases import GrantLease
from shared.contracts.sessions import SessionChanged, SessionOrigin
from shared.db import Database, new_engine
from shared.messaging import Route
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.randomness import SystemRandomness
from tests.integration.registry.conftest import Running
from tests.support.node_keys import give_keys
from tests.support.waiting import until
from tests.unit.registry.builders import account, beat

HASH, NEWER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
KEY = "A" * 43 + "="
ASSIGNMENTS = "/api/v1/group-ai/assignments"
ACCOUNT = "/api/v1/group-ai/accounts/support_1"


class Agent:
    """A node on the bus that goes by the sets it is told."""

    def __init__(self, node_id: str, bus: RabbitBus) -> None:
        self.node_id = node_id
        self._bus = bus
        self._seq = 0
        self.set = AssignAccounts(node_id=node_id, revision=0)
        self.lease: GrantLease | None = None

    @property
    def goes_by(self) -> AssignmentSet:
        """The name of its set."""
        return AssignmentSet(
            revision=self.set.revision, digest=assignments_digest(self.set.accounts, self.set.excluded)
        )

    @property
    def runs(self) -> dict[str, int]:
        """What it may run."""
        if self.lease is None or self.lease.assignments != self.goes_by:
            return {}
        return {each.account_id: each.epoch for each in self.set.accounts if not each.release}

    async def take(self, message: AssignAccounts) -> None:
        """Its set came."""
        if message.revision > self.set.revision:
            self.set = message

    async def run(self, message: GrantLease) -> None:
        """A lease came."""
        if self.lease is None or message.seq > self.lease.seq:
            self.lease = message

    async def beats(self) -> None:
        """A whole beat: gives back what it is asked for, wants every login of the vault."""
        self._seq += 1
        told: dict[str, Any] = {
            "node_id": self.node_id,
            "assignments": self.goes_by,
            "released": [
                ReleasedAccount(account_id=each.account_id, epoch=each.epoch, session_hash=NEWER)
                for each in self.set.accounts
                if each.release
            ],
            "wanting": list(self.runs),
        }
        reports = [account(each.account_id, epoch=each.epoch) for each in self.set.accounts]
        await self._bus.publish(beat(self._seq, *reports, **told))


class Fleet:
    """Two nodes, and a vault that says what it has and hears what is wanted."""

    def __init__(self, bus: RabbitBus) -> None:
        self.bus = bus
        self.n, self.m = Agent("n", bus), Agent("m", bus)
        self.wanted: list[SessionWanted] = []

    async def until_it_runs(self, agent: Agent, expected: dict[str, int]) -> None:
        """Both nodes beat until the accounts of this one are these."""

        async def beaten() -> bool:
            for each in (self.n, self.m):
                await each.beats()
            await asyncio.sleep(0.05)
            return agent.runs == expected

        await until(beaten, f"{agent.node_id} runs {expected}")

    async def want(self, message: SessionWanted) -> None:
        """A node lacks a login."""
        self.wanted.append(message)

    async def has(self, change: str, hash_: str = HASH) -> None:
        """The vault tells."""
        told = SessionChanged(
            account_id="support_1",
            change=change,
            version=1,
            hash=hash_,
            origin=SessionOrigin.UPLOAD,
            at=SystemClock().now(),
        )
        await self.bus.publish(told)


@pytest.fixture
async def fleet(settings: Settings, registry: Running) -> AsyncIterator[Fleet]:
    """Two enrolled nodes that have beaten."""
    clock, randomness = SystemClock(), SystemRandomness()
    vault_queue = names.Queue("test.vault", (names.Binding(names.EVENTS, "fleet.assignment.wanted"),), exclusive=True)
    queues = (names.registry_reports_queue(), names.dead_letters_queue())
    bus = RabbitBus(settings.amqp_url, "fleet", queues, clock, randomness)
    fleet = Fleet(bus)
    routes = [Route(vault_queue, {SessionWanted: fleet.want})]
    for each in (fleet.n, fleet.m):
        handlers: dict[Any, Callable[..., Any]] = {AssignAccounts: each.take, GrantLease: each.run}
        routes.append(Route(names.node_commands_queue(each.node_id), handlers))
    consumer = RabbitConsumer(settings.amqp_url, routes, bus, clock, randomness)
    task = asyncio.create_task(consumer.run())
    await until(lambda: consumer.consuming, "the fleet consumes")
    for each in (fleet.n, fleet.m):
        await each.beats()
    await until(lambda: fleet.n.lease and fleet.m.lease, "both nodes have a lease")
    database = Database(new_engine(settings.database_url, application="test"))
    async with database.begin() as connection:
        for each in (fleet.n, fleet.m):
            await give_keys(connection, each.node_id, KEY)
    await database.close()
    yield fleet
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bus.close()


async def test_a_login_goes_from_the_vault_to_a_node_and_to_the_next_one(registry: Running, fleet: Fleet) -> None:
    """The whole way, as an operator sees it and as the nodes and the vault hear it."""
    await fleet.has("stored")
    (row,) = await until(lambda: _items(registry), "the login waits to be assigned")
    assert (row["state"], row["in_vault"], row["epoch"]) == ("unassigned", HASH, 0)

    answer = await registry.api.post(f"{ACCOUNT}/assignment", json={"node_id": "n"})
    assert (answer.status_code, answer.json()["state"], answer.json()["epoch"]) == (202, "assigned", 1)
    await fleet.until_it_runs(fleet.n, {"support_1": 1})
    await fleet.n.beats()
    wanted = (await until(lambda: fleet.wanted, "the vault is asked for the login"))[0]
    assert (wanted.node_id, wanted.epoch, wanted.sealing_key, wanted.at_least) == ("n", 1, KEY, None)

    answer = await registry.api.post("/api/v1/group-ai/sessions/support_1/assign", json={"node_id": "m"})
    assert (answer.status_code, answer.json()["state"], answer.json()["target"]) == (202, "releasing", "m")
    await fleet.until_it_runs(fleet.n, {})
    await fleet.until_it_runs(fleet.m, {"support_1": 2})
    view = await registry.get(f"{ACCOUNT}/assignment")
    assert (view["state"], view["node_id"], view["epoch"]) == ("assigned", "m", 2)
    await fleet.m.beats()
    await until(
        lambda: [each for each in fleet.wanted if (each.epoch, each.at_least) == (2, NEWER)], "the newest state"
    )

    shown = await registry.get(ACCOUNT, node_id="m")
    assert (shown["assigned_to"], shown["epoch"]) == ("m", 2)
    assert (await registry.get(ASSIGNMENTS, node_id="m"))["items"] == [view]
    assert (await registry.get(ASSIGNMENTS, state="releasing"))["items"] == []


async def _items(registry: Running) -> list[dict[str, Any]]:
    return list((await registry.get(ASSIGNMENTS))["items"])


async def test_a_node_is_drained_and_says_how_far_it_is(registry: Running, fleet: Fleet) -> None:
    """The order that an operator gives before switching a machine off."""
    await fleet.has("stored")
    await until(lambda: _items(registry), "the login waits to be assigned")
    await registry.api.post(f"{ACCOUNT}/assignment", json={"node_id": "n"})
    await fleet.until_it_runs(fleet.n, {"support_1": 1})
    assert (await registry.api.put("/api/v1/workers/m/policy", json={"capacity": 0})).json()["capacity"] == 0
    drained = await registry.api.post("/api/v1/workers/n/drain", json={})
    assert drained.status_code == 202
    assert (drained.json()["assigned"], drained.json()["leaving"]) == (1, 0)
    assert drained.json()["without_place"][0]["account_id"] == "support_1"
    await registry.api.put("/api/v1/workers/m/policy", json={"takeover": "move"})
    await until(lambda: _leaves(registry), "the job finds the place")
    await fleet.until_it_runs(fleet.n, {})
    await fleet.until_it_runs(fleet.m, {"support_1": 2})
    assert (await registry.get("/api/v1/workers/n/drain"))["assigned"] == 0
    refused = await registry.api.post(f"{ACCOUNT}/assignment", json={"node_id": "n"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:callboard:problem:node-draining")
    ended = await registry.api.delete("/api/v1/workers/n/drain")
    assert (ended.status_code, ended.json()["draining"]) == (200, False)


async def _leaves(registry: Running) -> bool:
    return bool((await registry.get("/api/v1/workers/n/drain"))["leaving"])


WRONG: list[tuple[str, str, dict[str, Any] | None, int, str]] = [
    ("GET", f"{ACCOUNT}/assignment", None, 404, "unknown-account"),
    ("POST", f"{ACCOUNT}/assignment", {"node_id": "n"}, 404, "unknown-account"),
    ("POST", f"{ACCOUNT}/assignment", {"node_id": "nowhere"}, 404, "unknown-node"),
    ("POST", f"{ACCOUNT}/assignment", {"node": "n"}, 422, "invalid-request"),
    ("DELETE", f"{ACCOUNT}/assignment", None, 404, "unknown-account"),
    ("PUT", f"{ACCOUNT}/policy", {"takeover": "flee"}, 422, "invalid-request"),
    ("PUT", f"{ACCOUNT}/policy", {"takeover": None}, 404, "unknown-account"),
    ("PUT", "/api/v1/workers/nowhere/policy", {}, 404, "unknown-node"),
    ("PUT", "/api/v1/workers/n/policy", {"capacity": -1}, 422, "invalid-request"),
    ("POST", "/api/v1/workers/n/drain", {"keep": ["a", "a"]}, 422, "invalid-request"),
    ("POST", "/api/v1/workers/nowhere/drain", {}, 404, "unknown-node"),
    ("GET", "/api/v1/workers/nowhere/drain", None, 404, "unknown-node"),
]


async def test_wrong_orders_are_refused_with_what_helps(registry: Running, fleet: Fleet) -> None:
    """An order that is taken and never carried out is worse than none."""
    for method, path, body, status, slug in WRONG:
        answer = await registry.api.request(method, path, json=body)
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:callboard:problem:{slug}"), answer.text
