"""A version that passed when it was pushed and fails on the nodes: their agents are of another version than the back
office. Here the store is altered by hand, because the two are the same.
"""

import pytest

from shared.contracts.identifiers import content_hash
from tests.fault.checks import accounts_answer, deployment_ended_verified
from tests.fault.scripts import script
from tests.support.fleet import Fleet
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")
PING = "ping-bad-version"


async def test_a_version_that_fails_its_tests_on_the_nodes_leaves_the_old_one_running(fleet: Fleet) -> None:
    """A bad version would silence every account, or the operator would be left to guess why it is not there."""
    await fleet.push(script(1, PING))
    await deployment_ended_verified(fleet, await fleet.deploy(PING))
    body = script(await fleet.push(script(2, PING)), PING).replace('reply: "pong 2"', 'reply: "pong 3"')
    await fleet.query(
        "update deployer.script_versions set body = $1, hash = $2, size = $3 where script_id = $4 and version = 2",
        body,
        content_hash(body.encode()),
        len(body.encode()),
        PING,
    )
    deployment = await fleet.deploy(PING)

    async def failed() -> bool:
        found = await fleet.get(f"/api/v1/group-ai/script-deployment/deployments/{deployment}")
        return bool(found) and found["totals"].get("failed", 0) == len(fleet.nodes)

    await until(failed, "every delivery failed", 30)
    found = await fleet.get(f"/api/v1/group-ai/script-deployment/deployments/{deployment}")
    assert {(row["state"], row["cause"]) for row in found["deliveries"]} == {("failed", "tests_failed")}
    for row in found["deliveries"]:
        assert row["reason"].startswith("version 1 goes on; 1 of 1 own tests failed here, 'answers': dialogue[1]")
        assert "- pong 2" in row["reason"] and "+ pong 3" in row["reason"]
    await accounts_answer(fleet, 1)
    fleet.assert_alive()
