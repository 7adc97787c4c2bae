"""The judgement of heartbeats, line by line of its table."""

from typing import Any

import pytest

from services.registry.domain.judgement import (
    RECENT_DIGESTS,
    Apply,
    NeedsFull,
    RefusedNewerBoot,
    Stale,
    Verdict,
    advanced,
    judge,
)
from services.registry.domain.lease import Granted, Refused, lease_for
from services.registry.domain.node import StoredNode, visible_change
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.fleet import NodeStatus
from shared.contracts.heartbeats import NodeFacts
from tests.unit.registry.builders import LEDGER, OTHER_LEDGER, beat, digest

KNOWN = StoredNode(
    "n",
    status=NodeStatus.ONLINE,
    boot=5,
    seq=10,
    digest=digest(10),
    recent_digests=(digest(8), digest(10)),
    ledger_id=LEDGER,
    changes_through=7,
)
NEVER_HEARD_OF = StoredNode("n")


@pytest.mark.parametrize(
    ("boot", "seq", "base", "verdict"),
    [
        (4, 99, None, RefusedNewerBoot(5)),
        (4, 99, 10, RefusedNewerBoot(5)),
        (5, 9, None, Stale()),
        (5, 10, None, Stale()),
        (5, 10, 10, Stale()),
        (5, 11, None, Apply()),
        (5, 11, 10, Apply()),
        (5, 11, 8, Apply()),
        (5, 30, 8, Apply()),
        (5, 11, 9, NeedsFull()),
        (6, 0, None, Apply()),
        (6, 0, 10, NeedsFull()),
        (6, 1, 8, NeedsFull()),
    ],
)
def test_every_line_of_the_table(boot: int, seq: int, base: int | None, verdict: Verdict) -> None:
    """A wrong verdict loses a state, doubles one, or lets two starts of a node run at once."""
    assert judge(KNOWN, beat(seq, base=base, boot=boot)) == verdict


def test_the_first_beat_ever_is_newer_than_nothing() -> None:
    """A node whose first beat is (0, 0), as typed by hand, would never come into being."""
    assert judge(NEVER_HEARD_OF, beat(0, boot=0)) == Apply()


def test_a_first_difference_is_asked_for_everything() -> None:
    """A registry that lost its database would take a difference for the whole state."""
    assert judge(NEVER_HEARD_OF, beat(4, base=3)) == NeedsFull()


def test_an_applied_beat_is_one_to_build_on_and_old_ones_are_forgotten() -> None:
    """Either the next difference is refused for no reason, or the row grows for ever."""
    node = KNOWN
    for seq in range(11, 11 + 2 * RECENT_DIGESTS):
        node = advanced(node, beat(seq, base=seq - 1, boot=5), Apply())
    assert node.recent_digests == tuple(digest(each) for each in range(seq + 1 - RECENT_DIGESTS, seq + 1))
    assert judge(node, beat(seq + 1, base=seq, boot=5)) == Apply()
    assert judge(node, beat(seq + 1, base=10, boot=5)) == NeedsFull()


def test_digests_of_an_earlier_boot_are_nothing_to_build_on() -> None:
    """The same digest in another boot may stand for another order of what was touched."""
    node = advanced(KNOWN, beat(1, base=10, boot=6), NeedsFull())
    assert (node.digest, node.recent_digests) == ("", ())


def test_a_beat_that_needs_all_keeps_its_node_alive() -> None:
    """A node whose differences cannot be applied would be called offline although it reports."""
    node = advanced(StoredNode("n"), beat(4, base=3), NeedsFull())
    assert (node.status, node.boot, node.seq) == (NodeStatus.ONLINE, 1, 4)


def test_another_ledger_starts_to_count_anew() -> None:
    """The node would be told that changes are committed which the registry has never seen."""
    assert advanced(KNOWN, beat(11, boot=5), Apply()).changes_through == 7
    assert advanced(KNOWN, beat(11, boot=5, ledger_id=OTHER_LEDGER), Apply()).changes_through == 0


def test_a_lease_asks_for_all_until_there_is_a_state_to_build_on() -> None:
    """The duplicate of a beat that needed all would confirm a state that the rows do not have."""
    waiting = advanced(KNOWN, beat(11, base=9, boot=5), NeedsFull())
    lease = lease_for(beat(11, base=9, boot=5), waiting, 30)
    assert isinstance(lease, Granted)
    assert lease.grant.full_report


def test_a_lease_says_how_far_the_changes_of_its_own_ledger_are_committed() -> None:
    """A node would drop changes that were committed for another ledger."""
    mine = lease_for(beat(11, boot=5), KNOWN, 30)
    other = lease_for(beat(11, boot=5, ledger_id=OTHER_LEDGER), KNOWN, 30)
    assert isinstance(mine, Granted)
    assert isinstance(other, Granted)
    assert (mine.grant.changes_through, other.grant.changes_through) == (7, 0)


def test_an_older_start_is_refused_even_when_its_beat_was_judged_first() -> None:
    """Two starts in one batch: the older one's beat was fine on its own, but it must not get a lease."""
    outcome = lease_for(beat(11, boot=4), KNOWN, 30)
    assert isinstance(outcome, Refused)
    assert outcome.refusal.newest_boot == 5


ARTIFACT = AppliedArtifact(id="s", version=1, hash="sha256:" + "0" * 64)


@pytest.mark.parametrize(
    ("fields", "change"),
    [
        ({}, None),
        ({"boot": 6}, "changed"),
        ({"account_count": 3}, "changed"),
        ({"node": NodeFacts(source="local")}, "changed"),
        ({"node": NodeFacts(labels={"a": "b"})}, "changed"),
        ({"artifacts": [ARTIFACT]}, "changed"),
    ],
)
def test_only_real_changes_of_a_node_are_told(fields: dict[str, Any], change: str | None) -> None:
    """Either the event stream fills with beats, or the deployer misses what a node has loaded."""
    after = advanced(KNOWN, beat(11, **{"boot": 5} | fields), Apply())
    assert visible_change(KNOWN, after) == change


def test_a_node_that_comes_back_is_online() -> None:
    """The deployer would not know that it can send again."""
    assert visible_change(NEVER_HEARD_OF, advanced(NEVER_HEARD_OF, beat(1), Apply())) == "online"
