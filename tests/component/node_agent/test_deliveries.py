"""Deliveries against the whole agent: what fails, what is answered, what survives a crash."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.artifacts import Artifact, TestTally
from shared.contracts.deliveries import DeliveryOutcome, ForgetDelivery
from shared.contracts.identifiers import content_hash
from tests.component.node_agent.virtual_agent import World
from tests.support.agent.orders import order, script
from tests.support.agent.trusting import SIGNER

START = datetime(2026, 1, 1, tzinfo=UTC)
BROKEN = "id: greeter\nchats: [\n"
UNHAPPY_TEST = "tests:\n  - name: greets\n    dialogue:\n      - guest: /hello\n      - expect: good evening\n"
HAPPY = UNHAPPY_TEST.replace("good evening", "hi")
UNHAPPY = script("hi", test=UNHAPPY_TEST)


async def test_a_repeated_order_is_applied_once_and_answered_twice(world: World) -> None:
    """The deployer repeats an order whose answer was lost; the node must not reload for it."""
    async with world.playing(script("hi")):
        written = dict(world.files.files)
        world.files.files.clear()
        await world.deliver(script("hi"), attempt=2)
        await world.clock.run_for(5)
        assert world.files.files == {} and written
        answers = [(report.attempt, report.outcome) for report in world.registry.reports]
        assert answers[-1] == (2, DeliveryOutcome.APPLIED)
        assert world.registry.reports[-1].loaded_hash == order(script("hi")).artifact.hash


def off(node_id: str, delivery_id: str) -> ForgetDelivery:
    """The word that an order is off."""
    return SIGNER.sign(ForgetDelivery(node_id=node_id, delivery_id=delivery_id, called_off_at=START))


async def test_an_order_that_was_called_off_is_not_applied_when_it_comes_late(world: World) -> None:
    """A broker that hands out the order after the abort would bring an aborted version to life."""
    late = order(script("hi"))
    async with world.running():
        await world.bus.publish(off(late.node_id, late.delivery_id))
        for attempt in (1, 2):
            await world.bus.publish(order(script("hi"), attempt=attempt))
            await world.clock.run_for(5)
        assert world.registry.reports == [] and world.files.files == {}
        await world.bus.publish(order(script("ho"), 2))
        await world.clock.run_for(5)
        assert world.registry.reports[-1].outcome is DeliveryOutcome.APPLIED


async def test_a_version_that_is_applied_stays_when_its_order_is_called_off(world: World) -> None:
    """A node that has applied it would fall silent, or answer nothing any more."""
    async with world.running():
        await world.bus.publish(order(script("hi")))
        await world.clock.run_for(5)
        done = order(script("hi"))
        await world.bus.publish(off(done.node_id, done.delivery_id))
        await world.bus.publish(order(script("hi"), attempt=2))
        await world.clock.run_for(5)
        assert world.registry.reports[-1].outcome is DeliveryOutcome.APPLIED
        assert world.registry.reports[-1].loaded_hash == done.artifact.hash


@pytest.mark.parametrize(("tests", "count"), [("", 0), (HAPPY, 1)])
async def test_a_node_tells_how_many_tests_a_script_has_passed(world: World, tests: str, count: int) -> None:
    """'Tests passed' of a script that has none would look like a proof."""
    async with world.playing(script("hi", test=tests)):
        tally = TestTally(passed=count, total=count)
        assert world.registry.reports[-1].tests == tally
        assert [artifact.tests for artifact in world.registry.beats[-1].artifacts] == [tally]


@pytest.mark.parametrize(
    ("bad", "changes", "cause"),
    [
        (BROKEN, {}, "invalid_script"),
        (UNHAPPY, {}, "tests_failed"),
        (script("hi", script_id="other"), {}, "invalid_script"),
        (script("new"), {"size": 7}, "hash_mismatch"),
        (script("new"), {"bind": ["anna", "nobody"]}, "unknown_account"),
        (script("new"), {"content": None, "url": "http://origin/missing"}, "download_failed"),
    ],
)
async def test_a_version_that_fails_leaves_the_old_one_running(
    world: World, bad: str, changes: dict[str, Any], cause: str
) -> None:
    """A bad push must never silence a node."""
    async with world.playing(script("old"), 1):
        await world.deliver(bad, 2, **changes)
        await world.clock.run_for(5)
        report = world.registry.reports[-1]
        assert (report.outcome, report.cause) == (DeliveryOutcome.FAILED, cause)
        assert report.reason and report.loaded_hash == order(script("old")).artifact.hash
        world.say("/hello")
        await world.clock.run_for(1)
        assert world.replies() == ["old", "old"]


async def test_an_order_that_the_node_gets_to_too_late_changes_nothing(world: World) -> None:
    """A node that slept through its maintenance window would change its script in the middle of the working day."""
    async with world.playing(script("old"), 1):
        await world.deliver(script("new"), 2, apply_before=world.clock.now())
        await world.clock.run_for(5)
        report = world.registry.reports[-1]
        assert (report.outcome, report.cause) == (DeliveryOutcome.FAILED, "too_late")
        assert report.loaded_hash == order(script("old")).artifact.hash
        assert report.reason and "it was to be applied before" in report.reason
        await world.deliver(script("new"), 2, attempt=2, apply_before=world.clock.now() + timedelta(hours=1))
        await world.clock.run_for(5)
        assert world.registry.reports[-1].outcome is DeliveryOutcome.APPLIED


async def test_a_disk_that_is_full_is_reported_and_a_later_attempt_succeeds(world: World) -> None:
    """Causes that may end by themselves are tried again with the same order."""
    world.files.broken = True
    async with world.playing(script("hi")):
        assert world.registry.reports[-1].cause == "storage_failed"
        world.files.broken = False
        await world.deliver(script("hi"), attempt=2)
        await world.clock.run_for(5)
        assert world.registry.reports[-1].outcome == DeliveryOutcome.APPLIED


async def test_large_content_is_downloaded_and_checked(world: World) -> None:
    """What does not fit into a message comes by its URL, and only the ordered bytes are loaded."""
    good = script("hi")
    world.downloads.content = {"http://origin/good": good.encode(), "http://origin/bad": b"x" * len(good)}
    async with world.playing(good, 1, content=None, url="http://origin/bad"):
        assert world.registry.reports[-1].cause == "hash_mismatch"
        await world.deliver(good, 1, content=None, url="http://origin/good", attempt=2)
        await world.clock.run_for(5)
        assert world.registry.reports[-1].outcome == DeliveryOutcome.APPLIED


async def test_an_overtaken_order_does_not_roll_the_node_back(world: World) -> None:
    """Two orders that arrive in the wrong order leave the later one running."""
    async with world.running():
        await world.deliver(script("second"), 2)
        await world.deliver(script("first"), 1)
        await world.clock.run_for(5)
        assert [artifact.version for artifact in world.registry.beats[-1].artifacts] == [2]
        first = [report for report in world.registry.reports if report.delivery_id.endswith("1")][-1]
        assert first.outcome == DeliveryOutcome.FAILED and "ordered later" in (first.reason or "")


async def test_an_order_that_was_received_before_a_crash_is_applied_after_it(world: World) -> None:
    """Settling the message promises that the ledger has the order."""
    async with world.online():
        pass
    # What a crash between receiving and applying leaves: the order in the ledger, nothing else.
    received = order(script("hi"))
    await world.ledger.execute(
        "insert into deliveries (delivery_id, body, outcome) values (?, ?, 'received')",
        (received.delivery_id, received.model_dump_json()),
    )
    async with world.online():
        assert world.registry.reports[-1].outcome == DeliveryOutcome.APPLIED


async def test_reports_wait_for_the_broker_and_only_the_last_is_sent(world: World) -> None:
    """A report made while the broker is away is not lost; `received` is not worth sending after `applied`."""
    async with world.online():
        await world.deliver(script("hi"))
        world.bus.connected = False
        await world.clock.run_for(5)
        assert world.registry.reports == []
        world.bus.connected = True
        await world.clock.run_for(15)
        assert [report.outcome for report in world.registry.reports] == [DeliveryOutcome.APPLIED]


async def test_an_order_without_content_is_given_up_with_its_reason(world: World) -> None:
    """What can never be applied would be tried for ever, or vanish without a word of why."""
    async with world.online():
        await world.deliver(script("hi"), content=None)
        await world.clock.run_for(5)
        [dead] = world.bus.dead
        assert "exactly one of content and url" in dead.reason
        assert world.registry.reports == []


async def test_a_script_that_the_agent_stumbles_over_fails_and_ends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake of ours about one script would end the agent, which would meet it again at every start."""

    def stumbles(*_: object) -> None:
        raise RecursionError("too deep")

    async with world.playing(script("hi")):
        with monkeypatch.context() as broken:
            broken.setattr("services.node_agent.use_cases.apply_delivery.run_tests", stumbles)
            await world.deliver(script("ho"), 2)
            await world.clock.run_for(5)
        report = world.registry.reports[-1]
        assert report.outcome is DeliveryOutcome.FAILED and "mistake in the agent: RecursionError" in str(report.reason)
        assert report.loaded_hash == order(script("hi")).artifact.hash
        await world.deliver(script("ho"), 2, attempt=2)
        await world.clock.run_for(5)
        assert world.registry.reports[-1].outcome is DeliveryOutcome.APPLIED
    monkeypatch.setattr("services.node_agent.use_cases.restore_stage.parse_script", stumbles)
    async with world.online():
        assert world.registry.beats[-1].artifacts == []


async def test_a_node_takes_no_more_scripts_than_it_can_tell(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its next heartbeat could not be made, and the agent would end with it at every start."""
    monkeypatch.setattr("services.node_agent.use_cases.apply_delivery.MOST_ARTIFACTS", 1)
    async with world.playing(script("hi")):
        other = script("ho", script_id="another")
        await world.deliver(other, 2, artifact=Artifact(id="another", version=2, hash=content_hash(other.encode())))
        await world.deliver(script("ha"), 3)
        await world.clock.run_for(5)
        told = {report.delivery_id[-1]: str(report.reason) for report in world.registry.reports}
        assert "take one of them away first" in told["2"]
        assert [artifact.version for artifact in world.registry.beats[-1].artifacts] == [3]
