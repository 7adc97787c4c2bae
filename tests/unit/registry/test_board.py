"""What a change of an assignment does to the sets of the nodes that it concerns."""

from dataclasses import replace
from importlib import import_module

from services.registry.domain.assignments import (
    ASSIGNED,
    RELEASING,
    Assignment,
    GivenBack,
    LeftFolder,
    Ordered,
    Origin,
    Reported,
    Stays,
    Stored,
)
from services.registry.domain.board import Board, orders
from services.registry.domain.node import NOTHING_ASSIGNED, StoredNode
from shared.contracts.assignments import AssignedAccount, AssignmentSet, assignments_digest
from tests.unit.registry.builders import AT, digest

HASH = "sha256:" + "a" * 64
N, M = StoredNode("n", takes_assignments=True), StoredNode("m", takes_assignments=True, assignment_revision=4)
RUNS = Assignment("a", ASSIGNED, 3, "n", origin=Origin.VAULT, in_vault=HASH, vault_at=AT, told_in=2)


def board(*rows: Assignment, nodes: tuple[StoredNode, ...] = (N, M)) -> Board:
    """A board with nodes `n` and `m`."""
    return Board({node.node_id: node for node in nodes}, {row.account_id: row for row in rows}, AT)


def test_a_move_changes_the_sets_of_both_nodes_once() -> None:
    """One of the two would go by a set that nobody named in its lease."""
    subject = board(replace(RUNS, state=RELEASING, target="m"))
    subject.apply("a", GivenBack("n", 3, 2, HASH))
    assert subject.touched == ["m", "n"]
    sets = subject.sets({"m": [AssignedAccount(account_id="a", epoch=4)]})
    assert (sets["m"].node.assignment_revision, sets["n"].node.assignment_revision) == (5, 1)
    assert sets["n"].node.assignment_digest == NOTHING_ASSIGNED
    (row,) = subject.saved
    assert (row.node_id, row.epoch, row.told_in) == ("m", 4, 5)
    assert [order.node_id for order in orders(sets.values())] == ["m", "n"]


def test_a_target_alone_changes_no_set() -> None:
    """Every change of mind would be a message to the node that has nothing new to do."""
    subject = board(replace(RUNS, state=RELEASING, target="m"))
    subject.apply("a", Ordered("n"))
    assert subject.touched == []
    assert [event.target for event in subject.events] == ["n"]
    assert subject.saved[0].told_in == 2, "the node's word of before counts"


def test_a_login_in_the_wrong_folder_is_excluded_until_it_is_gone() -> None:
    """Its node would never say why it does not start."""
    subject = board(RUNS)
    subject.apply("a", Reported("m", 0))
    assert (subject.node("m").excluded, subject.touched) == (("a",), ["m"])
    subject.admit("m", "a")
    assert subject.node("m").excluded == ()


def test_a_folders_login_that_moves_away_is_excluded_where_it_was() -> None:
    """The file that stays in the folder would look like a login that waits to be started."""
    subject = board(replace(RUNS, state=RELEASING, epoch=0, origin=Origin.FOLDER, target="m"))
    subject.apply("a", GivenBack("n", 0, 2, HASH))
    assert (subject.node("n").excluded, subject.node("m").excluded) == (("a",), ())
    subject = board(replace(RUNS, epoch=0, origin=Origin.FOLDER))
    subject.apply("a", LeftFolder("n"))
    assert subject.node("n").excluded == ()


def test_what_concerns_a_node_that_is_not_locked_waits() -> None:
    """Its set would change without its number, or two would change it at once."""
    subject = board(replace(RUNS, state=RELEASING, target="o"))
    assert isinstance(subject.apply("a", GivenBack("n", 3, 2, HASH)), Stays)
    subject = board(replace(RUNS, node_id="o"))
    assert isinstance(subject.apply("a", Reported("n", 9)), Stays)
    assert (subject.saved, subject.touched, subject.events) == ([], [], [])


def test_a_registry_that_forgot_goes_on_above_the_nodes_number() -> None:
    """A node takes only higher numbers: it would never start anything again."""
    for told in (AssignmentSet(revision=9, digest=digest(1)), AssignmentSet(revision=4, digest=digest(1))):
        subject = board()
        subject.continue_above("m", told)
        assert subject.sets({})["m"].node.assignment_revision == told.revision + 1
    subject = board()
    subject.continue_above("m", AssignmentSet(revision=4, digest=NOTHING_ASSIGNED))
    subject.continue_above("m", AssignmentSet(revision=3, digest=digest(1)))
    assert subject.touched == []


def test_news_of_the_vault_are_kept_and_not_told() -> None:
    """Every synced state of every login would be an event."""
    subject = board(RUNS)
    subject.apply("a", Stored("sha256:" + "b" * 64, AT.replace(year=2027)))
    assert subject.saved and not subject.events and not subject.touched


def test_an_agent_that_knows_no_sets_is_not_sent_any() -> None:
    """It would put every one of them among its dead letters."""
    subject = board(nodes=(replace(N, takes_assignments=False),))
    subject.apply("b", Reported("n", 0))
    assert orders(subject.sets({}).values()) == []


def test_the_empty_set_has_the_digest_that_the_migration_writes() -> None:
    """A node without assignments would ask for its set with every beat."""
    migration = import_module("services.registry.migrations.versions.0004_assignments")
    assert migration.NOTHING_ASSIGNED == NOTHING_ASSIGNED == assignments_digest([], [])
