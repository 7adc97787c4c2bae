from datetime import UTC, datetime

from services.node_agent.domain.beats import Beat, Beats
from shared.contracts.accounts import AccountReport, AccountStatus
from shared.contracts.heartbeats import HeartbeatReported

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
