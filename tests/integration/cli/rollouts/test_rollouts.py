"""Rollouts ordered, watched and steered with the command line."""

import asyncio
import shlex
from pathlib import Path

import asyncpg
import pytest

from services.cli.failures import ExitCode
from services.cli.paths import DEPLOYMENTS, PLAN
from services.deployer.api.script_source import EXAMPLE
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome, FailureCause
from tests.integration.cli.rollouts.conftest import ROOT, Run
from tests.integration.deployer.running import Agent
from tests.integration.deployer.test_deployer import Scene
from tests.support.waiting import until

SECOND = EXAMPLE + "# the second version\n"
OTHER = EXAMPLE.replace("id: greeter", "id: other")
REASON = "greets: said something else"
ALL = ("--selector", "all")
CANARY = (*ALL, "--groups", "1,rest")
NOTHING = "dep_" + "f" * 32
EXAMPLE_FILE = ROOT / "examples/rollouts/careful.yaml"


async def fails(agent: Agent, order: DeliverArtifact) -> None:
    """The node's answer to a version whose tests do not pass there."""
    await agent.report(order, DeliveryOutcome.FAILED, cause=FailureCause.TESTS_FAILED, reason=REASON)


@pytest.fixture
async def on_all_nodes(scene: Scene, callboard: Run, database_url: str) -> None:
    """The first version runs on both nodes, which have said so in a beat; a second one is stored."""
    await callboard("deployments", "start", "greeter", *ALL, "--bind", "all", "--wait")
    for agent in scene.agents:
        artifact = AppliedArtifact(**agent.orders[0].artifact.model_dump(), tests_passed=True)
        await agent.announce(change="changed", artifacts=[artifact])
    connection = await asyncpg.connect(database_url.replace("postgresql+asyncpg", "postgresql"), timeout=10)

    async def recorded() -> bool:
        return bool(await connection.fetchval("select count(*) = 2 from deployer.nodes where artifacts <> '[]'::jsonb"))

    await until(recorded, "the deployer knows what both nodes have")
    await connection.close(timeout=10)
    await scene.deployer.push(SECOND)


async def ordered(scene: Scene, callboard: Run, *words: str) -> str:
    """A rollout that has come to its canary, which does not answer; its id."""
    canary = scene.agents[0]
    canary.deaf = lambda order: order.artifact.version == 2
    before = len(canary.orders)
    deployment = (await callboard("deployments", "start", "greeter", *CANARY, *words)).out.strip()
    await until(lambda: len(canary.orders) > before, "the canary is sent to")
    return deployment


@pytest.mark.usefixtures("on_all_nodes")
async def test_a_failing_canary_is_paused_by_its_rule_and_rolled_back(scene: Scene, beside: Run) -> None:
    """The whole reason for groups: one node pays for a bad version, and goes back."""
    canary, other = scene.agents
    deployment = await ordered(scene, beside, "--stop", "20% then pause", "--deadline", "1h")
    watching = asyncio.create_task(beside("deployments", "watch", deployment, code=ExitCode.FAILED))
    await fails(canary, canary.orders[-1])
    await scene.deployer.ended(deployment, "paused")
    shown = (await beside("deployments", "show", deployment)).out
    assert f"{deployment}  greeter 2  paused\n0 of 2 verified, 1 failed, 1 held\n" in shown
    assert "paused: 1 of 1 nodes failed: the rule allows less than 20 %" in shown
    assert f"`callboard deployments rollback {deployment}` takes it back" in shown
    assert "1 × tests_failed" in shown and "20% then pause" in shown and REASON in shown
    listed = (await beside("deployments", "list", "--state", "paused")).out.splitlines()
    assert len(listed) == 2 and deployment in listed[1]

    back = await beside("deployments", "rollback", deployment)
    way_back = back.out.strip()
    assert f"{way_back} brings 1 node back to greeter 1" in back.err
    assert "1 node stays as it is:\n1 × nothing was sent to it: demo-b" in back.err
    await beside("deployments", "watch", way_back)
    watched = await watching
    assert "group 1: 0 of 1 verified, 1 failed\n1 × tests_failed\npaused: 1 of 1 nodes failed" in watched.err
    assert f"{deployment} was aborted (rolled back); not on every node" in watched.err
    assert canary.loaded["greeter"] == EXAMPLE.encode() and len(other.orders) == 1


@pytest.mark.usefixtures("on_all_nodes")
async def test_a_plan_is_read_and_approved_by_its_last_line(scene: Scene, callboard: Run) -> None:
    """What is shown is what is done, and nothing before somebody has seen it."""
    await scene.deployer.push(OTHER)
    planned = await callboard("deployments", "plan", "other", *CANARY, "--bind", "all")
    rows = [line.split() for line in planned.out.splitlines()]
    assert rows[1][:6] == ["demo-a", "1", "-", "1", "nobody", "→"]
    assert rows[2][:2] == ["demo-b", "2"]
    assert planned.out.count("greeter: all (then nobody plays it)") == 2
    assert "2 nodes in 2 groups of 1, 1; 2 get it for the first time" in planned.err
    assert "greeter loses accounts on 2 nodes; on 2 nodes nobody plays it any more" in planned.err
    assert "nothing was sent to any node" in planned.err
    assert all(len(agent.orders) == 1 for agent in scene.agents)

    *_, deployment, plan_hash = approval = shlex.split(planned.out.splitlines()[-1])
    wrong = await callboard(*approval[1:-1], "sha256:" + "0" * 64, code=ExitCode.REFUSED)
    assert f"not the hash of the plan of {deployment}; nothing was started" in wrong.err
    assert f"its plan is {plan_hash}" in wrong.err
    shown = await callboard("deployments", "show", deployment)
    assert "0 of 2 verified" in shown.out and "approve before" in shown.out
    assert f"nothing was sent: `callboard deployments show {deployment} --plan`" in shown.err
    waiting = await callboard("deployments", "watch", deployment, "--timeout", "0", code=ExitCode.FAILED)
    assert f"waits for approval: `{' '.join(approval)}` starts it" in waiting.err
    approved = await callboard(*approval[1:])
    assert approved.out == f"{deployment} is running: other 1 to 2 nodes in 2 groups, 1 node first\n"
    await callboard("deployments", "watch", deployment)
    again = await callboard(*approval[1:], code=ExitCode.REFUSED)
    assert f"{deployment} has succeeded: only what is planned can be approved" in again.err
    assert "its deployment is succeeded" in (await callboard("deployments", "show", deployment, "--plan")).err


@pytest.mark.usefixtures("on_all_nodes")
async def test_a_plan_that_is_not_true_any_more(scene: Scene, callboard: Run) -> None:
    """What was approved would not be what is done."""
    planned = await callboard("deployments", "plan", "greeter", *ALL)
    approval = shlex.split(planned.out.splitlines()[-1])[1:]
    await callboard("deployments", "start", "greeter", "--nodes", "demo-a", "--wait")
    artifact = AppliedArtifact(**scene.agents[0].orders[-1].artifact.model_dump(), tests_passed=True)
    await scene.agents[0].announce(change="changed", artifacts=[artifact])

    async def known() -> bool:
        made = (await scene.deployer.http.post(f"{PLAN}/greeter", json={"node_ids": ["demo-a"]})).json()
        found = (await scene.deployer.http.get(f"{DEPLOYMENTS}/{made['deployment_id']}/plan")).json()
        return bool(found["items"][0]["has"]["version"] == 2)

    await until(known, "the deployer knows what demo-a has")
    refused = await callboard(*approval, code=ExitCode.REFUSED)
    assert "demo-a: it had version 1 when this was planned, and has version 2 now" in refused.err
    approved = await callboard(*approval, "--even-if-changed")
    assert "is running: greeter 2 to 2 nodes" in approved.out


@pytest.mark.usefixtures("on_all_nodes")
async def test_a_plan_that_nobody_approved(callboard: Run, database_url: str) -> None:
    """Yesterday's plan says nothing about today's nodes."""
    planned = await callboard("deployments", "plan", "greeter", *ALL)
    assert "2 nodes in 1 group" in planned.err
    assert planned.out.splitlines()[1].split() == ["demo-a", "1", "1", "2", "as", "they", "are", "-"]
    *_, deployment, plan_hash = planned.out.split()
    connection = await asyncpg.connect(database_url.replace("postgresql+asyncpg", "postgresql"), timeout=10)
    await connection.execute(
        "update deployer.deployments set deadline_at = now() - interval '1 hour', next_look_at = now() where id = $1",
        deployment,
    )
    await connection.close(timeout=10)
    ended = await callboard("deployments", "watch", deployment, code=ExitCode.FAILED)
    assert f"{deployment} was canceled (nobody approved its plan before" in ended.err
    late = await callboard("deployments", "approve", deployment, plan_hash, code=ExitCode.REFUSED)
    assert "only what is planned can be approved; plan it again" in late.err


@pytest.mark.usefixtures("on_all_nodes")
async def test_each_way_to_steer_says_what_it_did(scene: Scene, callboard: Run) -> None:
    """'OK' leaves open how many nodes have the new version now."""
    canary, other = scene.agents
    deployment = await ordered(scene, callboard, "--success", "50")
    paused = await callboard("deployments", "pause", deployment)
    assert paused.out == (
        f"{deployment} is paused (somebody paused it): 0 of 2 nodes verified, "
        "1 under way that may still come to an end, 1 held back\n"
    )
    resumed = await callboard("deployments", "resume", deployment)
    assert resumed.out == f"{deployment} is running: 0 of 2 nodes verified, 2 nodes still to come\n"
    await fails(canary, canary.orders[-1])
    await scene.deployer.ended(deployment, "paused")
    resumed = await callboard("deployments", "resume", deployment)
    assert "1 node still to come; 1 failed until now and no longer stop it" in resumed.out
    await scene.deployer.ended(deployment, "failed")
    assert other.orders[-1].artifact.version == 2
    canary.deaf = lambda _: False
    retried = await callboard("deployments", "retry", deployment)
    again = retried.out.strip()
    assert f"{again} brings greeter 2 again to 1 node where {deployment} failed" in retried.err
    await callboard("deployments", "watch", again)
    nothing = await callboard("deployments", "retry", again, code=ExitCode.REFUSED)
    assert f"none of the nodes of {again} has failed or timed out" in nothing.err
    for act, done in (("pause", "paused"), ("resume", "resumed"), ("abort", "aborted")):
        refused = await callboard("deployments", act, again, code=ExitCode.REFUSED)
        assert f"{again} has succeeded: it has ended and cannot be {done}" in refused.err


@pytest.mark.usefixtures("on_all_nodes")
async def test_what_has_not_begun_is_aborted(scene: Scene, callboard: Run) -> None:
    """An operator who was wrong about tonight must be able to call it off."""
    deployment = await ordered(scene, callboard)
    aborted = await callboard("deployments", "abort", deployment)
    assert aborted.out.startswith(f"{deployment} is aborted: 2 of 2 nodes canceled, 0 of 2 nodes verified")
    later = (await callboard("deployments", "start", "greeter", *ALL, "--start-at", "+2h")).out.strip()
    assert "waits for its time: " in (await callboard("deployments", "show", later)).out
    for act in ("pause", "rollback"):
        early = await callboard("deployments", act, later, code=ExitCode.REFUSED)
        assert "waits for its time: it has not begun and cannot be" in early.err
        assert f"`callboard deployments abort {later}` cancels it" in early.err
    canceled = await callboard("deployments", "abort", later)
    assert canceled.out == f"{later} is canceled before it began: nothing was sent to its 2 nodes\n"


async def test_the_way_back_from_a_first_version_takes_it_away(scene: Scene, callboard: Run) -> None:
    """A rollback that leaves the script where it was not would be believed, because its exit code is 0."""
    deployment = (await callboard("deployments", "start", "greeter", *ALL)).out.strip()
    await callboard("deployments", "watch", deployment)
    back = await callboard("deployments", "rollback", deployment)
    assert f"{back.out.strip()} takes greeter from 2 nodes that had nothing of it before" in back.err
    await callboard("deployments", "watch", back.out.strip())
    assert [agent.loaded for agent in scene.agents] == [{}, {}]
    again = await callboard("deployments", "rollback", back.out.strip(), "--wait")
    assert "brings 2 nodes back to greeter 1" in again.err and "2 of 2 verified" in again.err


async def test_a_script_is_taken_away(scene: Scene, callboard: Run) -> None:
    """An operator would bind its accounts to an empty script, and leave the files lying there."""
    await callboard("deployments", "start", "greeter", *ALL, "--wait")
    removed = await callboard("deployments", "remove", "greeter", "--nodes", "demo-a", "--wait")
    assert "1 of 1 verified" in removed.err
    assert [sorted(agent.loaded) for agent in scene.agents] == [[], ["greeter"]]
    listed = (await callboard("deployments", "list", "--script", "greeter")).out
    assert "removal of greeter" in listed
    planned = await callboard("deployments", "remove", "greeter", "--nodes", "demo-b", "--approval")
    shown = await callboard("deployments", "show", planned.out.strip(), "--plan")
    assert "1 node in 1 group; 1 lose it" in shown.err


async def test_a_script_that_nobody_plays_is_told(scene: Scene, callboard: Run) -> None:
    """Verified everywhere, and nobody says a word: whoever forgot to bind it would look for a fault."""
    said = "on 2 of 2 nodes no account plays greeter: an order with --bind says who does"
    assert said in (await callboard("deployments", "start", "greeter", *ALL)).err
    assert "no account plays" not in (await callboard("deployments", "start", "greeter", *ALL, "--bind", "all")).err
    assert "no account plays" not in (await callboard("deployments", "start", "greeter", *ALL)).err
    assert "no account plays" not in (await callboard("deployments", "remove", "greeter", *ALL)).err


@pytest.mark.parametrize("act", ["show", "watch", "pause", "resume", "abort", "retry", "rollback"])
async def test_ids_that_are_none(callboard: Run, act: str) -> None:
    """A slip of the pen is answered with where the ids are, whatever the command."""
    unknown = await callboard("deployments", act, NOTHING, code=ExitCode.NOT_FOUND)
    assert f"there is no deployment '{NOTHING}': `callboard deployments` shows which there are" in unknown.err
    wrong = await callboard("deployments", act, "dep_1", code=ExitCode.REFUSED)
    assert "'dep_1' is no deployment id, which is 'dep_' and 32 hexadecimal digits" in wrong.err


async def test_hashes_that_are_none(callboard: Run) -> None:
    """The half of a hash that a mouse has copied is not a plan that somebody has read."""
    short = await callboard("deployments", "approve", NOTHING, "sha256:12", code=ExitCode.REFUSED)
    assert "'sha256:12' is no plan's hash, which is 'sha256:' and 64 hexadecimal digits" in short.err
    unknown = await callboard("deployments", "approve", NOTHING, "sha256:" + "0" * 64, code=ExitCode.NOT_FOUND)
    assert "there is no deployment" in unknown.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--window", "22:00-04:00@Mars/Base"], "callboard: --window (time_zone): there is no time zone 'Mars/Base'"),
        (
            ["--stop", "5%", "--stop", "20% by tests_faild"],
            "--stop (causes): there is no cause 'tests_faild'",
        ),
        (["--groups", "2000000,rest"], "callboard: --groups: must be from 1 to 1000000 nodes"),
        (["--groups", ",".join(["1"] * 60)], "callboard: --groups: must have at most 50 items"),
        (["--rate", "60 x20 after 5"], "callboard: --rate (factor): must be less than or equal to 10"),
        (["--rollout", "wrong.yaml"], "callboard: wrong.yaml:2:13: groups.1: must be from 1 to 1000000 nodes"),
        (["--rollout", "wrong.yaml"], "\n  wrong.yaml:6:5: stop.0.then: must be 'pause' or 'abort'"),
        (["--rollout", "wrong.yaml", "--groups", "1"], "callboard: wrong.yaml:6:5: stop.0.then"),
        (
            ["--rollout", "typing.yaml"],
            "typing.yaml:2:1: succes_percent: there is no such field: did you mean",
        ),
    ],
)
async def test_what_only_the_deployer_knows_is_named_as_it_was_written(
    scene: Scene, callboard: Run, tmp_path: Path, words: list[str], says: str
) -> None:
    """One truth about what a policy may be, told in the operator's words."""
    wrong = "# ours\ngroups: [1, 0, 100%]\nstop:\n  - failed_percent: 20\n    least: 10\n    then: shout\n"
    (tmp_path / "wrong.yaml").write_text(wrong)
    (tmp_path / "typing.yaml").write_text("groups: [1, 100%]\nsucces_percent: 95\n")
    for act in ("start", "plan"):
        refused = await callboard("deployments", act, "greeter", *ALL, *words, code=ExitCode.REFUSED)
        assert says in refused.err
    assert (await scene.deployer.http.get(DEPLOYMENTS)).json()["items"] == []


async def test_the_example_of_a_policy(scene: Scene, callboard: Run) -> None:
    """The file that people copy must be taken as it is."""
    words = ("--rollout", str(EXAMPLE_FILE), "--drift", "report")
    deployment = (await callboard("deployments", "start", "greeter", *ALL, *words)).out.strip()
    await callboard("deployments", "watch", deployment)
    shown = (await callboard("deployments", "show", deployment)).out
    assert "1,10%,rest" in shown and "report" in shown
    assert "5% of 20 then pause; 20% by tests_failed,invalid_script then abort" in shown
