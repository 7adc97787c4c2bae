"""Drift of many nodes with two deployers on one real database."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

from services.deployer.domain.desired_rows import DriftQuestion
from services.deployer.use_cases.repair_drift import BATCH, RepairDrift
from shared.backoff import Backoff
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome
from shared.contracts.drift import DriftChanged
from tests.integration.deployer.running import CLOCK, RANDOMNESS
from tests.integration.deployer.test_replicas import NODES, Replica, counted_statements
from tests.integration.deployer.test_replicas import replicas as replicas
from tests.unit.deployer.making import report, seen

# Far enough apart that nothing is sent a second time while the test runs.
SPACED = Backoff(first=600.0, most=3600.0)
SEQ = iter(range(2, 1_000_000))


async def everybody_has_it(replica: Replica) -> None:
    """The script is verified on every node."""
    deployment = await replica.deploy()
    async with replica.store.begin() as transaction:
        deliveries = await transaction.deliveries.page(deployment.id, None, NODES)
    await replica.record([report(one, DeliveryOutcome.APPLIED) for one in deliveries])


async def lose(replica: Replica, numbers: range) -> None:
    """The registry observes these nodes without the script."""
    seq = next(SEQ)
    await replica.record([seen(f"n-{number:05}", seq=seq, at=CLOCK.now()) for number in numbers])


async def look_soon(replica: Replica) -> None:
    """Whatever is to be looked at is due."""
    async with replica.store.begin() as transaction:
        due = await transaction.desired.claim_due(CLOCK.now() + timedelta(days=1), NODES)
        await transaction.desired.save([replace(one.row, look_at=CLOCK.now()) for one in due])


async def told(replica: Replica, kind: type[DeliverArtifact] | type[DriftChanged]) -> Counter[str]:
    """How many messages of a kind are to be published, by node."""
    return Counter(kind.model_validate_json(body).node_id for name, body in await replica.outbox() if name == kind.TYPE)


async def test_two_replicas_repair_every_node_once(replicas: tuple[Replica, Replica]) -> None:
    """Otherwise every replica that is added would find and repair everything once more."""
    first = replicas[0]
    await everybody_has_it(first)
    await asyncio.gather(*(lose(replica, range(NODES)) for replica in replicas))
    await look_soon(first)
    repairs = [RepairDrift(replica.store, str, SPACED, CLOCK, RANDOMNESS) for replica in replicas]

    async def drain(repair: RepairDrift) -> None:
        while await repair():
            pass

    await asyncio.gather(*(drain(repair) for repair in repairs for _ in range(2)))
    await drain(repairs[0])
    once = {f"n-{number:05}": 1 for number in range(NODES)}
    assert await told(first, DeliverArtifact) == once
    assert await told(first, DriftChanged) == once
    async with first.store.begin() as transaction:
        shown = await transaction.desired.page(DriftQuestion(), None, 2 * NODES)
    assert Counter(row.repairs for row in shown) == {1: NODES}


async def test_a_look_and_an_observation_cost_the_same_few_statements_whatever_their_size(
    replicas: tuple[Replica, Replica],
) -> None:
    """Otherwise a data centre that comes back broken would be thousands of statements a second."""
    replica = replicas[0]
    await everybody_has_it(replica)
    repair = RepairDrift(replica.store, str, SPACED, CLOCK, RANDOMNESS)
    costs = []
    for numbers in (range(3), range(3, 3 + BATCH)):
        with counted_statements(replica) as observing:
            await lose(replica, numbers)
        await look_soon(replica)
        with counted_statements(replica) as looking:
            await repair()
        costs.append((len(observing), len(looking)))
    assert costs[0] == costs[1] and max(costs[0]) <= 6, costs


async def test_looks_and_reports_at_the_same_time_do_not_block_each_other(replicas: tuple[Replica, Replica]) -> None:
    """Two locks taken in two orders would end in the database's own verdict, again and again."""
    await everybody_has_it(replicas[0])
    repairs = [RepairDrift(replica.store, str, SPACED, CLOCK, RANDOMNESS) for replica in replicas]

    async def work(replica: Replica, repair: RepairDrift, start: int) -> None:
        for turn in range(5):
            await lose(replica, range((start + turn) % 7, NODES, 2))
            await look_soon(replica)
            await repair()

    await asyncio.gather(
        *(work(replica, repair, number) for number, (replica, repair) in enumerate(zip(replicas, repairs, strict=True)))
    )
