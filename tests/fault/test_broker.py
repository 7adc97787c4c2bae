"""RabbitMQ taken away in the middle of work: restarted, and erased to the last byte."""

import asyncio

import pytest

from tests.fault.checks import accounts_answer, deployment_ended_verified, no_account_event_is_lost
from tests.fault.scripts import script
from tests.support.fleet import STOP_SECONDS, Fleet
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_broker_restart_under_load_costs_nothing(fleet: Fleet) -> None:
    """Orders, reports and heartbeats in flight when the broker restarts would be lost without resends."""
    await fleet.push(script(1, "ping-restart"))
    deployment = await fleet.deploy("ping-restart")
    await fleet.rabbit.stop(STOP_SECONDS)
    await fleet.rabbit.start()
    await deployment_ended_verified(fleet, deployment)
    await until(fleet.all_online, "every account is online again", 60)
    await accounts_answer(fleet, 1)
    await no_account_event_is_lost(fleet)
    fleet.assert_alive()


async def test_a_broker_killed_and_erased_during_a_deployment_costs_nothing(fleet: Fleet) -> None:
    """The broker is disposable: with its disk go exchanges, queues, orders and reports, and all come back."""
    await fleet.push(script(1, "ping-erased"))
    deployment = await fleet.deploy("ping-erased")
    await asyncio.sleep(0.05)  # into the middle of the orders, not to wait for anything
    await fleet.rabbit.kill()
    await fleet.rabbit.erase()
    # While the broker is away an account changes its state: that event must not be lost either.
    session = next(one for one in await fleet.sandbox.sessions() if one.connections)
    await fleet.sandbox.kill(session.key_id, "SESSION_REVOKED")
    await fleet.sandbox.drop(session.key_id)
    await fleet.rabbit.start()
    await deployment_ended_verified(fleet, deployment)

    async def told() -> bool:
        return [row["status"] for row in await fleet.accounts()].count("error") == 1

    await until(told, "the revoked session is shown as an error", 60)
    await no_account_event_is_lost(fleet)
    fleet.assert_alive()
    assert session.user_id is not None
    await fleet.log_in_again(session.user_id)
    await until(fleet.all_online, "the account is online with its new login", 60)
