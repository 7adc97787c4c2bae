"""The campaigns of `make fault`, small: what runs for half an hour must not be found broken when it is needed."""

import random
from pathlib import Path

from tests.campaigns.campaign import Campaign
from tests.campaigns.many import ManyAgents


async def test_a_small_campaign_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """A disk erased or a service killed in the middle of a rollout must leave each delivery verified, once, in time."""
    async with ManyAgents(tmp_path, agents=10) as fleet:
        campaign = Campaign(fleet, random.Random(4))
        await campaign.measure_undisturbed()
        runs = [await campaign.erase(1), await campaign.kill(2)]
        fleet.assert_alive()
        assert [run.number for run in runs if not run.passed] == [], runs
        await the_witness_sees(fleet)


async def the_witness_sees(fleet: ManyAgents) -> None:
    """A campaign whose witness is blind would count nothing lost or doubled, whatever happened."""
    deployment = await fleet.roll_out(99)
    assert await fleet.seconds_until_verified(deployment, 60) is not None
    assert (await fleet.lost(deployment), await fleet.doubled(deployment)) == (0, 0)
    for state in ("failed", "verified"):
        await fleet.query("update deployer.deliveries set state = $1 where deployment_id = $2", state, deployment)
    assert await fleet.doubled(deployment) == len(fleet.nodes)
    await fleet.query("update deployer.deliveries set state = 'failed' where deployment_id = $1", deployment)
    assert await fleet.lost(deployment) == len(fleet.nodes)
