"""The delivery's transition table, every state against every event."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.deployer.domain.deliveries import (
    MOST_FAILED_ATTEMPTS,
    Applied,
    Canceled,
    Due,
    Event,
    Failed,
    HeldBack,
    NodeOnline,
    Observed,
    Received,
    Released,
    Superseded,
    moved,
)
from services.deployer.domain.rollout import Limits, Timers
from shared.contracts.deliveries import FailureCause
from shared.contracts.deployments import FINAL_STATES, DeliveryState
from tests.unit.deployer.making import HASH, OTHER_HASH, START, delivery

PENDING, SENT, RECEIVED, APPLIED = (
    DeliveryState.PENDING,
    DeliveryState.SENT,
    DeliveryState.RECEIVED,
    DeliveryState.APPLIED,
)
VERIFIED, FAILED, TIMED_OUT = DeliveryState.VERIFIED, DeliveryState.FAILED, DeliveryState.TIMED_OUT
SUPERSEDED, CANCELED = DeliveryState.SUPERSEDED, DeliveryState.CANCELED
OPEN = (PENDING, SENT, RECEIVED, APPLIED)

NOW = START + timedelta(minutes=1)
AGAIN = NOW + timedelta(seconds=5)
LATE = START + timedelta(days=1)


def failed(attempt: int = 1, cause: FailureCause | None = FailureCause.DOWNLOAD_FAILED) -> Failed:
    """A failure, by default one that is worth another attempt."""
    return Failed(attempt, cause, "the node said so", AGAIN)


# Event → the states entered from pending, sent, received, applied.
TABLE: dict[Event, tuple[tuple[DeliveryState, ...], ...]] = {
    Due(AGAIN): ((SENT,), (), (), ()),
    Due(AGAIN, broker_away=True): ((), (), (), ()),
    Released(): ((), (), (), ()),
    HeldBack(): ((), (), (), ()),
    NodeOnline(): ((), (), (), ()),
    Received(): ((RECEIVED,), (RECEIVED,), (), ()),
    Applied(HASH, True): ((APPLIED, VERIFIED), (APPLIED, VERIFIED), (APPLIED, VERIFIED), (VERIFIED,)),
    Applied(HASH, False): ((APPLIED,), (APPLIED,), (APPLIED,), ()),
    Applied(OTHER_HASH, True): ((), (), (), ()),
    Applied(None, True): ((), (), (), ()),
    failed(): ((), (), (), ()),
    failed(cause=FailureCause.TESTS_FAILED): ((FAILED,), (FAILED,), (FAILED,), (FAILED,)),
    failed(cause=None): ((FAILED,), (FAILED,), (FAILED,), (FAILED,)),
    Observed(HASH, True): ((), (), (APPLIED, VERIFIED), (VERIFIED,)),
    Observed(HASH, False): ((), (), (), ()),
    Observed(OTHER_HASH, True): ((), (), (), ()),
    Superseded("dep_x"): ((SUPERSEDED,), (SUPERSEDED,), (SUPERSEDED,), (SUPERSEDED,)),
    Canceled("called off"): ((CANCELED,), (CANCELED,), (CANCELED,), (CANCELED,)),
}


@pytest.mark.parametrize("event", TABLE, ids=str)
@pytest.mark.parametrize("state", OPEN)
def test_an_open_state_does_with_an_event_what_the_table_says(state: DeliveryState, event: Event) -> None:
    """Otherwise the table in the module's docstring would be a wish."""
    entered = TABLE[event][OPEN.index(state)]
    move = moved(delivery(state), event, NOW)
    assert move.entered == entered
    assert move.delivery.state is (entered[-1] if entered else state)


@pytest.mark.parametrize("state", OPEN)
def test_a_delivery_that_is_due_at_its_deadline_times_out(state: DeliveryState) -> None:
    """Otherwise a deployment to a dead node would never end."""
    move = moved(delivery(state, reason="disk full", attempts=7), Due(LATE), LATE)
    assert move.entered == (TIMED_OUT,)
    assert move.delivery.reason == (
        "not verified before its deadline, 7 attempts were made; the last that was heard: disk full"
    )


@pytest.mark.parametrize("event", [*TABLE, Due(LATE)], ids=str)
@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_a_final_state_stays(state: DeliveryState, event: Event) -> None:
    """Otherwise a late report would make a finished deployment unfinished, or verify twice."""
    done = delivery(state)
    move = moved(done, event, LATE)
    assert move.delivery is done and move.entered == ()


@pytest.mark.parametrize("state", OPEN)
def test_while_the_broker_is_away_no_attempt_is_counted(state: DeliveryState) -> None:
    """Each would double the pause before the next one, and the broker would be back long before an order was due."""
    waiting = moved(delivery(state, attempts=3), Due(AGAIN, broker_away=True), NOW).delivery
    assert (waiting.attempts, waiting.next_attempt_at) == (3, AGAIN)
    ended = moved(delivery(state), Due(LATE + timedelta(seconds=5), broker_away=True), LATE)
    assert ended.entered == (TIMED_OUT,), "its deadline is its deadline"


STEPS = Limits(timers=Timers(receive_seconds=10, apply_seconds=20, verify_seconds=30))


@pytest.mark.parametrize(("state", "seconds"), [(PENDING, None), (SENT, 10), (RECEIVED, 20), (APPLIED, 30)])
def test_a_step_that_takes_too_long_times_out_where_the_node_is_online(
    state: DeliveryState, seconds: int | None
) -> None:
    """Otherwise a node that hangs would hold up its group, or one that sleeps would count as failed."""
    began = delivery(state, limits=STEPS)
    before, after = START + timedelta(seconds=(seconds or 60) - 1), START + timedelta(seconds=seconds or 60)
    later = after + timedelta(minutes=5)
    assert moved(began, Due(later), before).delivery.state is (SENT if state is PENDING else state)
    if seconds is None:
        return
    assert moved(began, Due(later), before).delivery.next_attempt_at == after
    assert moved(began, Due(later), after).entered == (TIMED_OUT,)
    away = moved(began, Due(later, node_online=False), after)
    assert (away.delivery.state, away.delivery.next_attempt_at) == (state, later)
    back = moved(began, NodeOnline(), after).delivery
    assert (back.entered_at, back.next_attempt_at) == (after, min(after, began.next_attempt_at))
    assert not moved(back, Due(later), after + timedelta(seconds=seconds - 1)).entered


def test_every_step_begins_its_own_clock() -> None:
    """Otherwise a slow send would leave no time to apply."""
    sent = moved(delivery(limits=STEPS), Due(LATE), NOW).delivery
    assert (sent.entered_at, sent.next_attempt_at) == (NOW, NOW + timedelta(seconds=10))
    received = moved(sent, Received(), NOW + timedelta(seconds=9)).delivery
    assert received.entered_at == NOW + timedelta(seconds=9)
    assert moved(received, Due(LATE), NOW + timedelta(seconds=28)).entered == ()


HELD = delivery(released=False, next_attempt_at=LATE)


@pytest.mark.parametrize("event", [Due(AGAIN), NodeOnline(), HeldBack(), Observed(OTHER_HASH, True)], ids=str)
def test_what_is_held_back_is_not_sent_whatever_happens(event: Event) -> None:
    """Otherwise a node of the last group that restarts would be the canary."""
    after = moved(HELD, event, NOW)
    assert (after.entered, after.delivery.attempts, after.delivery.next_attempt_at) == ((), 0, LATE)


def test_released_is_due_at_once_and_held_back_again_is_not() -> None:
    """Otherwise the next group would wait for its deadline, or a pause would not stop it."""
    free = moved(HELD, Released(), NOW).delivery
    assert (free.released, free.next_attempt_at, free.entered_at) == (True, NOW, NOW)
    assert moved(free, Released(), NOW).delivery is free
    again = moved(free, HeldBack(), NOW).delivery
    assert (again.released, again.next_attempt_at) == (False, LATE)
    sent = delivery(SENT)
    assert moved(sent, HeldBack(), NOW).delivery is sent


def test_what_is_held_back_ends_at_its_deadline() -> None:
    """Otherwise a rollout that is paused for ever would have deliveries for ever."""
    assert moved(HELD, Due(AGAIN), LATE).delivery.reason == "not sent before its deadline: its rollout held it back"


def test_sending_counts_the_attempt_and_is_due_again() -> None:
    """Otherwise an order that the broker lost would stay lost."""
    sent = moved(delivery(), Due(AGAIN), NOW).delivery
    assert (sent.attempts, sent.next_attempt_at, sent.updated_at) == (1, AGAIN, NOW)


def test_the_next_attempt_is_never_after_the_deadline() -> None:
    """Otherwise a delivery would time out as late as its longest back-off."""
    sent = moved(delivery(), Due(LATE + timedelta(seconds=9)), NOW).delivery
    assert sent.next_attempt_at == sent.deadline_at == LATE


def test_a_node_that_comes_online_makes_its_delivery_due_at_once() -> None:
    """Otherwise a node that returns would wait for the slowest back-off."""
    waiting = delivery(SENT, next_attempt_at=AGAIN)
    assert moved(waiting, NodeOnline(), NOW).delivery.next_attempt_at == NOW


def test_another_hash_is_recorded_with_its_reason() -> None:
    """Otherwise nobody could tell why a delivery does not come to its end."""
    heard = moved(delivery(RECEIVED), Applied(OTHER_HASH, True), NOW).delivery
    assert heard.reported_hash == OTHER_HASH
    assert heard.reason is not None and OTHER_HASH in heard.reason


def test_verified_forgets_the_reasons_of_earlier_attempts() -> None:
    """Otherwise a success would be shown with an error beside it."""
    troubled = delivery(SENT, reason="no route", cause=FailureCause.DOWNLOAD_FAILED)
    verified = moved(troubled, Applied(HASH, True), NOW).delivery
    assert (verified.reason, verified.cause, verified.reported_hash) == (None, None, HASH)


def test_a_retryable_failure_is_tried_again_after_its_back_off() -> None:
    """Otherwise a passing failure of a download would need an operator."""
    told = moved(delivery(RECEIVED, attempts=1), failed(), NOW).delivery
    assert (told.state, told.next_attempt_at, told.failed_attempts) == (RECEIVED, AGAIN, (1,))
    assert (told.cause, told.reason) == (FailureCause.DOWNLOAD_FAILED, "the node said so")


def test_the_same_attempts_failure_counts_once() -> None:
    """Otherwise ten redeliveries of one report would fail a delivery for good."""
    told = moved(delivery(RECEIVED), failed(), NOW).delivery
    assert moved(told, failed(), NOW).delivery is told


@pytest.mark.parametrize("cause", list(FailureCause))
def test_the_cause_decides_whether_there_is_another_attempt(cause: FailureCause) -> None:
    """Otherwise a broken script would be sent for a day, or a full disk would end a rollout."""
    told = moved(delivery(RECEIVED), failed(cause=cause), NOW).delivery
    assert told.state is (RECEIVED if cause.retryable else FAILED)


def test_ten_failed_attempts_are_a_failure() -> None:
    """Otherwise a download that can never work would be tried until the deadline."""
    tried = delivery(RECEIVED)
    for attempt in range(1, MOST_FAILED_ATTEMPTS + 1):
        assert tried.state is RECEIVED
        tried = moved(tried, failed(attempt), NOW).delivery
    assert tried.state is FAILED
    assert tried.reason == "failed in 10 attempts, the last time: the node said so"


@pytest.mark.parametrize("state", [SENT, RECEIVED, APPLIED])
def test_what_came_too_late_for_its_window_is_held_back_for_the_next(state: DeliveryState) -> None:
    """A node that slept would fail for it, or be asked again and again outside the window."""
    late = failed(attempt=2, cause=FailureCause.TOO_LATE)
    under_way = replace(delivery(state), zone="UTC", attempts=2)
    move = moved(under_way, late, NOW)
    assert move.entered == (PENDING,)
    assert (move.delivery.released, move.delivery.next_attempt_at) == (False, under_way.deadline_at)
    assert (move.delivery.cause, move.delivery.failed_attempts) == (FailureCause.TOO_LATE, ())
    # The answer to an earlier attempt, when one for the next window is under way.
    assert moved(replace(under_way, attempts=3), late, NOW).delivery.state is state
    # Without a window only the deadline is meant, and the deployer has a clock of its own for that.
    assert moved(replace(under_way, zone=None), late, NOW).entered == (FAILED,)
