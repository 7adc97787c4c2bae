import pytest

from services.node_agent.domain.lease import MOST_BEATS, Extended, Ignored, Lease, Refused

BOOT = 1000


def lease_with_beats(*sent: tuple[int, float]) -> Lease:
    """A lease that remembers these beats and when they were sent."""
    lease = Lease(BOOT)
    for seq, at in sent:
        lease.beat_sent(seq, at)
    return lease


def test_it_counts_from_the_sending_of_the_beat_less_the_margin() -> None:
    """Counting from the grant's arrival would let the agent outlive the registry's own count."""
    lease = lease_with_beats((1, 100.0))
    assert lease.grant(BOOT, 1, 30.0) == Extended(130.0)
    assert lease.may_run(126.9) and not lease.may_run(127.0)


def test_a_short_lease_keeps_a_whole_second_for_disconnecting() -> None:
    """A tenth of three seconds is too little to close connections in."""
    lease = lease_with_beats((1, 0.0))
    lease.grant(BOOT, 1, 3.0)
    assert lease.may_run(1.9) and not lease.may_run(2.0)


def test_nothing_may_run_before_the_first_grant() -> None:
    """A restarted agent must not go on under the lease of the one before."""
    assert not lease_with_beats((1, 0.0)).may_run(0.0)


@pytest.mark.parametrize(("boot", "seq"), [(BOOT - 1, 1), (BOOT + 1, 1), (BOOT, 2)])
def test_grants_of_other_boots_and_unknown_beats_are_ignored(boot: int, seq: int) -> None:
    """A grant that cannot be tied to a sending time has no end that could be known."""
    lease = lease_with_beats((1, 0.0))
    assert isinstance(lease.grant(boot, seq, 30.0), Ignored)
    assert not lease.may_run(0.0)


def test_beats_that_are_too_old_are_forgotten() -> None:
    """The memory of beats is bounded."""
    lease = lease_with_beats(*((seq, float(seq)) for seq in range(1, MOST_BEATS + 2)))
    assert isinstance(lease.grant(BOOT, 1, 30.0), Ignored)
    assert isinstance(lease.grant(BOOT, 2, 30.0), Extended)


def test_the_latest_end_wins_in_whatever_order_grants_come() -> None:
    """A late grant of an early beat must not shorten the lease."""
    lease = lease_with_beats((1, 0.0), (2, 10.0))
    lease.grant(BOOT, 2, 30.0)
    assert lease.grant(BOOT, 1, 30.0) == Extended(40.0)
    assert lease.may_run(36.0)


def test_a_refusal_ends_what_was_granted_until_a_newer_beat_is() -> None:
    """The registry's word against this boot counts at once; an older grant does not undo it."""
    lease = lease_with_beats((1, 0.0), (2, 1.0), (3, 2.0))
    lease.grant(BOOT, 1, 30.0)
    assert lease.refuse(BOOT, 2, BOOT + 5) == Refused(BOOT + 5)
    assert not lease.may_run(1.0) and lease.refusal == Refused(BOOT + 5)
    assert isinstance(lease.grant(BOOT, 1, 30.0), Ignored)
    assert isinstance(lease.grant(BOOT, 3, 30.0), Extended) and lease.refusal is None


def test_a_refusal_of_another_boot_is_ignored() -> None:
    """A refusal for the agent's earlier start must not stop the present one."""
    lease = lease_with_beats((1, 0.0))
    lease.grant(BOOT, 1, 30.0)
    assert isinstance(lease.refuse(BOOT - 1, 1, BOOT), Ignored)
    assert lease.may_run(1.0)
