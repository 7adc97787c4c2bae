"""Registry, deployer and agents killed with SIGKILL at random moments of deployments.

The seed is printed with a failure; `CALLBOARD_FAULT_SEED` repeats a run's choices.
"""

import asyncio
import os
import random
import secrets

import aio_pika
import pytest

from shared.contracts import names
from shared.contracts.deployments import DeliveryChanged
from shared.contracts.envelope import ID
from tests.fault.checks import accounts_answer, deployment_ended_verified, no_account_event_is_lost
from tests.fault.scripts import script
from tests.support.fleet import Fleet
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

KILLS = 21
WITNESS = "witness"


async def test_sigkill_at_random_moments_leaves_every_delivery_verified_exactly_once(fleet: Fleet) -> None:
    """A crash between a commit and a message, or between an apply and its report, must lose and double nothing."""
    seed = int(os.environ.get("CALLBOARD_FAULT_SEED", secrets.randbelow(2**31)))
    print(f"CALLBOARD_FAULT_SEED={seed}")
    dice = random.Random(seed)
    victims = ["registry", "deployer", *fleet.nodes]
    connection = await aio_pika.connect(fleet.rabbit.url)
    queue = await _witness(connection)
    kills = deployments = 0
    while kills < KILLS:
        deployments += 1
        await fleet.push(script(deployments, "ping-kills"))
        deployment = await fleet.deploy("ping-kills")
        for victim in dice.sample(victims, k=3):
            await asyncio.sleep(dice.uniform(0, 0.4))  # a random moment of the deployment
            await fleet.kill(victim)
            kills += 1
            await asyncio.sleep(dice.uniform(0, 0.3))
            await fleet.start_again(victim)
        await deployment_ended_verified(fleet, deployment)
    await until(fleet.all_online, "every account is online again", 60)
    await accounts_answer(fleet, deployments)
    await no_account_event_is_lost(fleet)
    fleet.assert_alive()
    told = await _told_verified(queue, deployments * len(fleet.nodes))
    assert all(len(ids) == 1 for ids in told.values()), "a delivery was verified more than once"
    await queue.delete(if_empty=False)
    await connection.close()


async def _witness(connection: aio_pika.abc.AbstractConnection) -> aio_pika.abc.AbstractQueue:
    channel = await connection.channel()
    queue = await channel.declare_queue(WITNESS, durable=True)
    await queue.bind(names.EVENTS, "deploy.delivery.verified")
    return queue


async def _told_verified(queue: aio_pika.abc.AbstractQueue, expected: int) -> dict[str, set[str]]:
    """For each delivery the ids of the events that told it verified: the outbox may send one twice, with its id."""
    told: dict[str, set[str]] = {}

    async def all_told() -> bool:
        while (message := await queue.get(fail=False, no_ack=True)) is not None:
            delivery = DeliveryChanged.model_validate_json(message.body).delivery_id
            told.setdefault(delivery, set()).add(str(message.headers[ID]))
        return len(told) >= expected

    await until(all_told, "every delivery was told verified", 30)
    return told
