"""PostgreSQL taken away in the middle of work."""

import asyncio

import pytest

from tests.fault.checks import accounts_answer, deployment_ended_verified, no_account_event_is_lost
from tests.fault.scripts import script
from tests.support.fleet import Fleet
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

OUTAGE_SECONDS = 20


async def test_a_database_away_for_twenty_seconds_costs_nothing(fleet: Fleet) -> None:
    """What comes in during the outage waits in the broker; nobody gives up, nothing is dead-lettered for it."""
    before = await fleet.get("/api/v1/dead-letters", limit=100)
    await fleet.push(script(1, "ping-database"))
    deployment = await fleet.deploy("ping-database")
    await fleet.postgres.stop()
    await asyncio.sleep(OUTAGE_SECONDS)  # the outage itself
    await fleet.postgres.start()
    await deployment_ended_verified(fleet, deployment)
    await until(fleet.all_online, "every account is online again", 60)
    await accounts_answer(fleet, 1)
    await no_account_event_is_lost(fleet)
    assert await fleet.get("/api/v1/dead-letters", limit=100) == before
    fleet.assert_alive()
