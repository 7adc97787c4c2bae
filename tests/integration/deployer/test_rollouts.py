"""Rollouts with real RabbitMQ and PostgreSQL, and small agents at the other end."""

from tests.integration.deployer.running import Listener
from tests.integration.deployer.test_deployer import Scene, scene
from tests.support.waiting import until

__all__ = ["scene"]

CANARY = {"groups": [1, "100%"]}


async def test_the_canary_goes_first_and_the_others_follow(scene: Scene) -> None:
    """Otherwise groups would be a word in the API."""
    first, second = scene.agents
    first.deaf = lambda order: order.attempt < 3
    async with Listener(scene.amqp_url, "deploy.delivery.*").up() as listener:
        deployment_id = await scene.deployer.deploy("greeter", selector="all", rollout=CANARY)
        ended = await scene.deployer.ended(deployment_id)
        verified = [(first.node_id, 1), (second.node_id, 2)]
        await until(
            lambda: (
                [(one["node_id"], one["group"]) for one in listener.heard if one["state"] == "verified"] == verified
            ),
            "both are verified, the canary first",
        )
    assert len(first.orders) == 3 and len(second.orders) == 1
    assert [(one["size"], one["held"], one["totals"]) for one in ended["groups"]] == [(1, 0, {"verified": 1})] * 2


async def test_an_aborted_rollout_is_forgotten_by_who_was_sent_to(scene: Scene) -> None:
    """Otherwise a node that has the order in its ledger would apply it after the abort."""
    first, second = scene.agents
    first.deaf = lambda _: True
    deployment_id = await scene.deployer.deploy("greeter", selector="all", rollout=CANARY)
    await until(lambda: first.orders, "the canary is sent to")
    aborted = await scene.deployer.steer(deployment_id, "abort")
    assert (aborted["state"], aborted["totals"]["canceled"]) == ("aborted", 2)
    await until(lambda: first.forgotten == [first.orders[0].delivery_id], "the canary is told to forget")
    assert second.orders == [] and second.forgotten == []


async def test_a_plan_is_approved_and_executed(scene: Scene) -> None:
    """Otherwise what was shown and what is done could be two things."""
    body = {"selector": "all", "bind": "all", "rollout": {"stop": [{"failed_percent": 50, "then": "abort"}]}}
    answer = await scene.deployer.http.post("/api/v1/group-ai/script-deployment/plan/greeter", json=body)
    planned = answer.json()
    assert (answer.status_code, planned["state"]) == (202, "planned")
    running = await scene.deployer.steer(planned["deployment_id"], "approve", plan_hash=planned["plan_hash"])
    assert running["state"] == "running"
    ended = await scene.deployer.ended(planned["deployment_id"])
    assert ended["totals"]["verified"] == 2
    assert [order.bind for agent in scene.agents for order in agent.orders] == ["all", "all"]
