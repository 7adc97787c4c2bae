from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from services.node_agent.domain.beats import Beat, Beats, digest_of
from shared.contracts.accounts import AccountReport, AccountStatus
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.leases import GrantLease
from tests.support.agent.model_registry import ModelRegistry

IDS = ("a", "b", "c")


def report(account_id: str, messages: int = 0) -> AccountReport:
    """An online account."""
    return AccountReport(account_id=account_id, status=AccountStatus.ONLINE, message_count=messages)


def message(beat: Beat) -> HeartbeatReported:
    """The beat as it travels."""
    return HeartbeatReported(
        node_id="n",
        boot=1,
        seq=beat.seq,
        ledger_id="0" * 32,
        full=beat.full,
        base_digest=beat.base_digest,
        digest=beat.digest,
        account_count=beat.account_count,
        changed=list(beat.changed),
        removed=list(beat.removed),
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_the_first_beat_is_full_and_a_quiet_one_is_empty() -> None:
    """A thousand quiet accounts must cost nothing once they are known."""
    beats = Beats()
    beats.put(report("a"))
    first = beats.next()
    assert first.full and [each.account_id for each in first.changed] == ["a"]
    beats.confirm(1, full_report=False)
    quiet = beats.next()
    assert not quiet.full and quiet.base_digest == first.digest == quiet.digest and quiet.changed == ()


def test_changes_are_repeated_until_they_are_confirmed() -> None:
    """A beat that was lost must not take a change with it."""
    beats = Beats()
    beats.next()
    beats.confirm(1, full_report=False)
    beats.put(report("a", 1))
    assert len(beats.next().changed) == 1
    assert len(beats.next().changed) == 1
    beats.confirm(3, full_report=False)
    assert beats.next().changed == ()


def test_a_full_report_is_sent_when_it_is_asked_for() -> None:
    """A registry that lost its state would wait for it for ever."""
    beats = Beats()
    beats.put(report("a"))
    beats.next()
    beats.confirm(1, full_report=False)
    beats.next()
    beats.confirm(2, full_report=True)
    assert beats.next().full


def test_an_old_answer_does_not_undo_a_newer_one() -> None:
    """Grants that overtake each other must not bring a base back that the registry has not."""
    beats = Beats()
    for _ in range(3):
        beats.next()
    beats.confirm(2, full_report=True)
    beats.confirm(1, full_report=False)
    assert beats.next().full


def test_the_same_report_again_is_no_change() -> None:
    """Otherwise every touch would make a beat grow."""
    beats = Beats()
    beats.put(report("a"))
    beats.next()
    beats.confirm(1, full_report=False)
    beats.put(report("a"))
    assert beats.next().changed == ()


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(IDS), st.integers(0, 3)),
        st.tuples(st.just("remove"), st.sampled_from(IDS), st.just(0)),
        st.tuples(st.just("beat"), st.just(""), st.just(0)),
        st.tuples(st.just("arrive"), st.just(""), st.integers(0, 5)),
        st.tuples(st.just("lose"), st.just(""), st.integers(0, 5)),
        st.tuples(st.just("grant"), st.just(""), st.integers(0, 5)),
        st.tuples(st.just("erase"), st.just(""), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(OPERATIONS)
def test_the_registry_always_ends_with_the_agents_state(operations: list[tuple[str, str, int]]) -> None:
    """Whatever beats and grants are lost, late or out of order, three undisturbed exchanges agree.

    The model raises if applying a beat ever gives another state than its digest names.
    """
    beats, registry = Beats(), ModelRegistry()
    on_the_way: list[HeartbeatReported] = []
    grants: list[GrantLease] = []
    truth: dict[str, AccountReport] = {}
    for what, account_id, number in operations:
        if what == "put":
            truth[account_id] = report(account_id, number)
            beats.put(truth[account_id])
        elif what == "remove":
            truth.pop(account_id, None)
            beats.remove(account_id)
        elif what == "beat":
            on_the_way.append(message(beats.next()))
        elif what == "arrive" and on_the_way:
            grants.append(registry.apply(on_the_way.pop(number % len(on_the_way))))
        elif what == "lose" and on_the_way:
            on_the_way.pop(number % len(on_the_way))
        elif what == "grant" and grants:
            answer = grants.pop(number % len(grants))
            beats.confirm(answer.seq, full_report=answer.full_report)
        elif what == "erase":
            registry.accounts, registry.digest = {}, None
    for _ in range(3):
        answer = registry.apply(message(beats.next()))
        beats.confirm(answer.seq, full_report=answer.full_report)
    assert registry.accounts == truth
    assert registry.digest == digest_of(truth)
