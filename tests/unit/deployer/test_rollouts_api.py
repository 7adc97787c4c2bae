"""The HTTP doors of rollouts: plan, approve, steer, and how they refuse."""

from typing import Any

import pytest

from shared.contracts.deliveries import DeliveryOutcome, FailureCause
from tests.unit.deployer.door import DEPLOY, DEPLOYMENTS, Door
from tests.unit.deployer.making import OTHER_HASH, report

PLAN = DEPLOY.replace("/deploy/", "/plan/")
ALL = {"selector": "all"}
CANARY = {"groups": [1, "100%"]}


async def act(door: Door, deployment_id: str, what: str, status: int = 200, **body: Any) -> dict[str, Any]:
    """Steer a deployment."""
    response = await door.http.post(f"{DEPLOYMENTS}/{deployment_id}/{what}", json=body or None)
    assert response.status_code == status, response.text
    return dict(response.json())


async def ordered(door: Door, **rollout: Any) -> str:
    """A deployment to all nodes with a policy; its id."""
    response = await door.http.post(DEPLOY, json=ALL | {"rollout": rollout})
    assert response.status_code == 202, response.text
    return str(response.json()["deployment_id"])


async def test_a_plan_is_read_approved_by_its_hash_and_executed(door: Door) -> None:
    """The path of a careful operator."""
    await door.push()
    planned = (await door.http.post(PLAN, json=ALL | {"bind": "all", "rollout": CANARY})).json()
    assert (planned["state"], planned["nodes"]) == ("planned", 2)
    address = f"{DEPLOYMENTS}/{planned['deployment_id']}"
    first = (await door.http.get(f"{address}/plan", params={"limit": 1})).json()
    rest = (await door.http.get(f"{address}/plan", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert (first["plan_hash"], rest["next_cursor"], rest["total"]) == (planned["plan_hash"], None, 2)
    assert first["items"] == [
        {
            "node_id": "demo-a",
            "group": 1,
            "has": None,
            "will_have": {"version": 1, "hash": planned["hash"], "accounts": "all"},
            "loses": [],
            "time_zone": None,
        }
    ]
    assert [(one["node_id"], one["group"]) for one in rest["items"]] == [("demo-b", 2)]
    assert await door.stand.look(10) == []
    refused = await act(door, planned["deployment_id"], "approve", 409, plan_hash=OTHER_HASH)
    assert refused["type"].endswith("other-plan") and planned["plan_hash"] in refused["detail"]
    running = await act(door, planned["deployment_id"], "approve", plan_hash=planned["plan_hash"])
    assert (running["state"], running["groups"][0]["held"], running["rollout"]["groups"]) == ("running", 1, [1, "100%"])
    assert [order.node_id for order in await door.stand.look()] == ["demo-a"]
    again = await act(door, planned["deployment_id"], "approve", 409, plan_hash=planned["plan_hash"])
    assert again["type"].endswith("wrong-state") and "is running" in again["detail"]


async def test_a_deployment_is_paused_resumed_and_aborted(door: Door) -> None:
    """Otherwise an operator could only watch."""
    await door.push()
    deployment_id = await ordered(door, **CANARY)
    paused = await act(door, deployment_id, "pause")
    assert (paused["state"], paused["reason"]) == ("paused", "somebody paused it")
    assert (await act(door, deployment_id, "pause"))["state"] == "paused"
    assert (await act(door, deployment_id, "resume"))["state"] == "running"
    await door.stand.look()
    shown = (await door.http.get(f"{DEPLOYMENTS}/{deployment_id}")).json()
    assert [(one["group"], one["state"], one["held"]) for one in shown["deliveries"]] == [
        (1, "sent", False),
        (2, "pending", True),
    ]
    aborted = await act(door, deployment_id, "abort")
    assert (aborted["state"], aborted["totals"]["canceled"]) == ("aborted", 2)
    for what in ("pause", "resume", "abort"):
        assert (await act(door, deployment_id, what, 409))["type"].endswith("wrong-state")
    of_state = (await door.http.get(DEPLOYMENTS, params={"state": "aborted"})).json()
    assert [one["deployment_id"] for one in of_state["items"]] == [deployment_id]


async def test_failed_nodes_are_retried_and_a_rollback_names_who_stays(door: Door) -> None:
    """Otherwise the way back would be a list of node ids to type."""
    await door.push()
    deployment_id = await ordered(door)
    nothing = await act(door, deployment_id, "retry", 409)
    assert nothing["type"].endswith("nothing-to-retry")
    orders = await door.stand.look()
    found = await door.stand.every()
    failed = report(found[orders[0].delivery_id], DeliveryOutcome.FAILED, cause=FailureCause.TESTS_FAILED)
    await door.stand.tell_all([failed])
    shown = (await door.http.get(f"{DEPLOYMENTS}/{deployment_id}")).json()
    assert shown["causes"] == {"tests_failed": 1}
    again = await act(door, deployment_id, "retry", 202)
    assert (again["retry_of"], again["total"], again["targets"]) == (
        deployment_id,
        1,
        {"node_ids": [orders[0].node_id]},
    )
    rolled = await act(door, deployment_id, "rollback", 202)
    assert [(one["removes"], one["total"]) for one in rolled["deployments"]] == [(True, 2)]
    never_sent = await ordered(door, rate={"per_minute": 1})
    rolled = await act(door, never_sent, "rollback", 202)
    assert rolled["deployments"] == []
    assert [one["reason"] for one in rolled["left_alone"]] == ["nothing was sent to it"] * 2


@pytest.mark.parametrize("what", ["pause", "resume", "abort", "retry", "rollback", "plan", "approve"])
async def test_what_does_not_exist_cannot_be_steered(door: Door, what: str) -> None:
    """Otherwise a program could not tell a wrong id from a fault."""
    address = f"{DEPLOYMENTS}/dep_{'f' * 32}/{what}"
    body = {"plan_hash": OTHER_HASH} if what == "approve" else None
    response = await door.http.request("GET" if what == "plan" else "POST", address, json=body)
    assert response.status_code == 404 and response.json()["type"].endswith("no-such-deployment")


@pytest.mark.parametrize(
    ("rollout", "field", "says"),
    [
        ({"groups": []}, "groups", "at least 1"),
        ({"groups": [0]}, "groups.0", "from 1 to"),
        ({"groups": ["10 %"]}, "groups.0", 'a share of the plan such as "10%"'),
        ({"groups": ["0%"]}, "groups.0", "number of nodes"),
        ({"groups": [True]}, "groups.0", "number of nodes"),
        ({"group": [1]}, "group", "did you mean 'groups'?"),
        ({"success_percent": 0}, "success_percent", "greater than 0"),
        ({"success_percent": 101}, "success_percent", "less than or equal to 100"),
        ({"rate": {}}, "rate.per_minute", "is missing"),
        ({"rate": {"per_minute": 1, "factor": 2}}, "rate", "needs both factor"),
        ({"rate": {"per_minute": 1, "facto": 2}}, "rate.facto", "did you mean 'factor'?"),
        ({"stop": [{"failed_percent": 5, "causes": ["tests_faild"]}]}, "stop.0.causes.0", "there is no cause"),
        ({"stop": [{"failed_percent": 5, "then": "shout"}]}, "stop.0.then", "pause"),
        ({"timers": {"apply_seconds": 0}}, "timers.apply_seconds", "greater than or equal to 1"),
        ({"timers": {"apply_seconds": "60"}}, "timers.apply_seconds", "must be a whole number"),
        ({"retries": {"bad_luck": 1}}, "retries", "there is no cause"),
        ({"retries": {"tests_failed": -1}}, "retries.tests_failed", "greater than or equal to 0"),
        ({"deadline_seconds": 10**9}, "deadline_seconds", "less than or equal to"),
        ({"start_at": 5}, "start_at", "must be text"),
        ({"start_at": "2026-01-01T00:00:00"}, "start_at", "timezone"),
        ({"window": {"from": "25:00", "to": "04:00"}}, "window.from", "valid time"),
        ({"window": {"from": "4", "to": "05:00"}}, "window.from", "time of day"),
        ({"window": {"from": "04:00", "to": "04:00"}}, "window", "same time"),
        ({"window": {"from": "04:00", "to": "05:00", "time_zone": "Mars"}}, "window.time_zone", "no time zone 'Mars'"),
        ({"window": {"from": "04:00", "to": "05:00", "days": ["monday"]}}, "window.days.0", "mon"),
        ({"dynamic": "yes"}, "dynamic", "must be true or false"),
        ([], "", "JSON object"),
    ],
)
async def test_a_policy_with_a_mistake_names_the_field(door: Door, rollout: Any, field: str, says: str) -> None:
    """Otherwise a rule with a typing mistake would be no rule."""
    await door.push()
    problem = await door.refused(ALL | {"rollout": rollout})
    fields = {one["field"]: one["message"] for one in problem["errors"]}
    place = f"body.rollout.{field}" if field else "body.rollout"
    assert any(name.startswith(place) and says in message for name, message in fields.items()), fields
    assert (await door.http.get(DEPLOYMENTS)).json()["items"] == []


async def test_late_joiners_need_a_selector(door: Door) -> None:
    """Otherwise a dynamic deployment to named nodes would wait for nobody until its deadline."""
    await door.push()
    problem = await door.refused({"node_ids": ["demo-a"], "rollout": {"dynamic": True}})
    assert "needs a selector" in problem["detail"]
