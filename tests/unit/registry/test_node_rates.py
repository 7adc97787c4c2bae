"""The bound on what one node's token may ask of the doors that are a node's own."""

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from services.registry.api.node_rates import MOST_AT_ONCE, NodeRates
from services.registry.api.worker_orders import MOST_PARCELS, worker_orders_router
from services.registry.store.in_memory import InMemoryStore
from services.registry.store.in_memory_access import InMemoryAccessStore
from services.registry.use_cases.cut_off import CutOff
from services.registry.use_cases.hand_over_orders import HandOverOrders
from services.registry.use_cases.pass_on_reports import PassOnReports
from shared.clock import VirtualClock
from shared.contracts.roles import Actor, Role
from shared.http import create_api
from shared.http.signing_in import on_behalf_of
from shared.messaging.in_memory import InMemoryBus
from shared.messaging.in_memory_mailbox import InMemoryMailbox
from shared.randomness import SeededRandomness

TOKEN = SecretStr("a-token-for-these-tests")
REPORTS = "/api/v1/workers/{}/reports"
# Nobody knows this type, so nothing of it is passed on.
PARCELS = {"parcels": [{"type": "nobody.knows.v1", "id": str(number), "body": {}} for number in range(MOST_PARCELS)]}


@pytest.fixture
def clock() -> VirtualClock:
    """The time of the bound."""
    return VirtualClock()


@pytest.fixture
async def door(clock: VirtualClock) -> AsyncIterator[httpx.AsyncClient]:
    """The node's doors, on in-memory parts."""
    dice, store = SeededRandomness(1), InMemoryStore(clock)
    bus = InMemoryBus(clock, dice)
    router = worker_orders_router(
        HandOverOrders(InMemoryMailbox(bus, clock, dice), store, 10),
        PassOnReports(bus),
        CutOff(InMemoryAccessStore()),
        NodeRates(clock),
        clock,
        dice,
    )

    async def ready() -> list[str]:
        return []

    api = create_api("A registry", version="1", token=TOKEN, routers=[router], ready=ready)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://registry") as client:
        yield client


async def posted(door: httpx.AsyncClient, node_id: str, actor: Actor | None = None) -> httpx.Response:
    """The answer to a hundred messages of a node."""
    headers = on_behalf_of(actor or Actor(f"node:{node_id}", Role.NODE, node_id), TOKEN)
    return await door.post(REPORTS.format(node_id), json=PARCELS, headers=headers)


async def test_a_flood_over_http_is_refused_and_nobody_else_pays_for_it(
    door: httpx.AsyncClient, clock: VirtualClock
) -> None:
    """One stolen token would fill the registry's time, and the beats of all others would wait."""
    for _ in range(MOST_AT_ONCE // MOST_PARCELS):
        assert (await posted(door, "tokyo-1")).status_code == 200
    refused = await posted(door, "tokyo-1")
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:callboard:problem:too-many-messages")
    assert (await posted(door, "osaka-1")).status_code == 200
    assert (await posted(door, "tokyo-1", Actor("root", Role.ADMIN))).status_code == 200, (
        "who is no node is not counted"
    )
    await clock.run_for(float(refused.headers["retry-after"]))
    assert [(await posted(door, "tokyo-1")).status_code for _ in range(3)] == [200, 200, 429]
