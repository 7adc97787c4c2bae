"""The store's contract for assignments: rows come back whole, questions find what is due, memory does as SQL does."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from services.registry.domain.accounts import AccountGroup
from services.registry.domain.assignment_rows import AssignmentQuestion, Unplaced
from services.registry.domain.assignments import ASSIGNED, RELEASING, UNASSIGNED, Assignment, Origin, Takeover
from services.registry.domain.node import NodePolicy, StoredNode
from services.registry.domain.ports import Transaction
from shared.contracts.assignments import AssignedAccount
from shared.contracts.fleet import NodeStatus
from shared.contracts.heartbeats import NodeFacts
from tests.contract.registry.subject import Subject
from tests.unit.registry.builders import AT, account, digest

HASH, OTHER_HASH = "sha256:" + "a" * 64, "sha256:" + "b" * 64
VAULT = Assignment("v", origin=Origin.VAULT, in_vault=HASH, vault_at=AT, since=AT)
MINUTE = timedelta(minutes=1)


async def with_nodes(transaction: Transaction, *node_ids: str, **fields: object) -> dict[str, StoredNode]:
    """Nodes that have beaten, go by sets, and are online."""
    nodes = await transaction.lock_nodes(node_ids)
    beaten = [
        replace(node, status=NodeStatus.ONLINE, takes_assignments=True, **fields)  # type: ignore[arg-type]
        for node in nodes.values()
    ]
    await transaction.save_nodes(beaten, 30)
    return {node.node_id: node for node in beaten}


async def test_a_row_comes_back_as_it_was_saved(subject: Subject) -> None:
    """A field lost on the way is an epoch that repeats, or a state of a login that nobody waits for."""
    row = Assignment(
        account_id="a@b+c.d",
        state=RELEASING,
        epoch=7,
        node_id="n",
        target="m",
        origin=Origin.VAULT,
        handed_back=OTHER_HASH,
        in_vault=HASH,
        vault_at=AT,
        told_in=12,
        adopted=True,
        takeover=Takeover.MOVE,
        reason='a "reason"\\, with everything',
        since=AT,
    )
    bare = Assignment("b", ASSIGNED, 0, "n")
    async with subject.store.begin() as transaction:
        await with_nodes(transaction, "n", "m")
        assert await transaction.lock_assignments([row.account_id], make=["b", row.account_id]) == {
            row.account_id: Assignment(row.account_id),
            "b": Assignment("b"),
        }
        await transaction.save_assignments([row, bare])
    async with subject.store.begin() as transaction:
        assert await transaction.assignments(["b", row.account_id, "c"]) == {row.account_id: row, "b": bare}
        assert await transaction.lock_assignments(["c", "b"]) == {"b": bare}
        assert await transaction.assignments_after("", 10) == [row, bare]
        assert await transaction.assignments_after(row.account_id, 10) == [bare]
        await transaction.forget_assignments(["b"])
        assert await transaction.assignments(["b"]) == {}


async def test_a_nodes_set_is_what_the_rows_say(subject: Subject) -> None:
    """A node would be told another set than the one that its lease names."""
    async with subject.store.begin() as transaction:
        await with_nodes(transaction, "m", "n")
        rows = [Assignment("b", ASSIGNED, 2, "n"), Assignment("a", RELEASING, 1, "n", "m"), Assignment("c", epoch=3)]
        await transaction.save_assignments(rows)
        assert await transaction.assigned_to(["m", "n"]) == {
            "n": [AssignedAccount(account_id="a", epoch=1, release=True), AssignedAccount(account_id="b", epoch=2)]
        }


async def test_sets_and_policies_outlive_beats(subject: Subject) -> None:
    """Every beat would undo a drain, or take back a revision that the node has seen."""
    policy = NodePolicy(Takeover.MOVE, capacity=5, draining=True, keep=("site", "rack"))
    async with subject.store.begin() as transaction:
        nodes = await with_nodes(transaction, "n", seq=1)
        wanted = replace(nodes["n"], assignment_revision=3, assignment_digest=digest(3), excluded=("a", "b.c"))
        await transaction.save_sets([wanted])
        await transaction.save_policies([replace(wanted, policy=policy)])
    async with subject.store.begin() as transaction:
        found = await transaction.lock_nodes(["n"])
        assert found == {"n": replace(wanted, policy=policy)}
        await transaction.save_nodes([replace(nodes["n"], seq=2)], 30)
        assert (await transaction.lock_nodes(["n"]))["n"] == replace(found["n"], seq=2)
    shown = await subject.store.node("n")
    assert shown is not None
    assert (shown.takeover, shown.capacity, shown.draining, shown.excluded) == (Takeover.MOVE, 5, True, ["a", "b.c"])


async def test_reports_without_an_answer_are_found(subject: Subject) -> None:
    """An account that was there before assignments were would never start."""
    async with subject.store.begin() as transaction:
        await with_nodes(transaction, "m", "n")
        reports = [account("a"), account("b", epoch=0), account("c", epoch=2), account("d", epoch=2), account("v")]
        await transaction.write_accounts([AccountGroup("n", 1, 1, reports)])
        rows = [
            Assignment("b", UNASSIGNED, 0, in_vault=HASH),
            Assignment("c", ASSIGNED, 1, "m", origin=Origin.VAULT),
            Assignment("d", ASSIGNED, 2, "n", origin=Origin.VAULT),
            VAULT,
        ]
        await transaction.save_assignments(rows)
        assert await transaction.unplaced(("n", "b"), 10) == [Unplaced("n", "c", 2)]
        assert await transaction.unplaced(("", ""), 10) == [
            Unplaced("n", "a", 0),
            Unplaced("n", "b", 0),
            Unplaced("n", "c", 2),
        ]
        assert await transaction.unplaced(("", ""), 1) == [Unplaced("n", "a", 0)]


async def test_releases_are_over_a_margin_after_the_lease(subject: Subject) -> None:
    """An account would start on its next node while the one before may still run it."""
    leaving = replace(VAULT, account_id="a", state=RELEASING, epoch=1, node_id="n")
    cut_off = replace(leaving, account_id="e", node_id="o", in_vault=None)
    async with subject.store.begin() as transaction:
        await with_nodes(transaction, "m", "n", "o")
        rows = [leaving, replace(leaving, account_id="b", in_vault=None), replace(leaving, account_id="c", node_id="m")]
        await transaction.save_assignments([*rows, replace(leaving, account_id="d", state=ASSIGNED), cut_off])
    await subject.enrol("n", "A" * 43 + "=")
    await subject.pass_time(31)
    async with subject.store.begin() as transaction:
        assert await transaction.over(timedelta(seconds=10), 10) == []
        nodes = await transaction.lock_nodes(["m"])
        await transaction.save_nodes(list(nodes.values()), 30)
        found = await transaction.over(timedelta(milliseconds=500), 10)
        assert [each.row for each in found] == [leaving, cut_off]
        ended = await transaction.over(timedelta(milliseconds=100), 10)
        assert found[0].until - ended[0].until == timedelta(milliseconds=400), "it is told when that was"


async def test_a_node_that_lost_its_ledger_leaves_what_it_may_have_answered(subject: Subject) -> None:
    """Nobody knows what it answered: its guests would be answered again."""
    margin, known = timedelta(seconds=10), replace(VAULT, account_id="a", state=ASSIGNED, epoch=1, node_id="n")
    elsewhere = replace(known, account_id="b", node_id="m")
    async with subject.store.begin() as transaction:
        await with_nodes(transaction, "m", "n")
        await transaction.save_assignments([known, elsewhere])
        await transaction.silence(["n"], margin)
        first = await transaction.lock_assignments(["a", "b"])
        assert first["b"] == elsewhere
        await transaction.silence(["n"], margin / 2)
        assert await transaction.lock_assignments(["a", "b"]) == first, "the time only rises"
        assert first["a"].silent_before is not None
        [told] = (await transaction.assigned_to(["n"]))["n"]
        assert told.silent_before == first["a"].silent_before


async def test_a_shorter_lease_does_not_hide_a_longer_one(subject: Subject) -> None:
    """After the setting was lowered, an account would go on while its node still has the longer lease."""
    leaving = replace(VAULT, account_id="a", state=RELEASING, epoch=1, node_id="n")
    async with subject.store.begin() as transaction:
        nodes = await with_nodes(transaction, "n")
        await transaction.save_assignments([leaving])
        await transaction.save_nodes(list(nodes.values()), 60)
        await transaction.save_nodes(list(nodes.values()), 5)
    await subject.pass_time(50)
    async with subject.store.begin() as transaction:
        assert await transaction.over(timedelta(seconds=1), 10) == []


async def test_accounts_of_dead_nodes_move_by_policy(subject: Subject) -> None:
    """An account that shall wait would be taken over, or one that shall move would be down until somebody looks."""
    of_n = replace(VAULT, account_id="a", state=ASSIGNED, epoch=1, node_id="n")
    rows = [
        of_n,
        replace(of_n, account_id="b", takeover=Takeover.MOVE),
        replace(of_n, account_id="c", takeover=Takeover.MOVE, in_vault=None),
        replace(of_n, account_id="d", node_id="m"),
        replace(of_n, account_id="e", node_id="m", takeover=Takeover.WAIT),
    ]
    async with subject.store.begin() as transaction:
        nodes = await with_nodes(transaction, "m", "n")
        await transaction.save_assignments(rows)
        await transaction.save_policies([replace(nodes["m"], policy=NodePolicy(Takeover.MOVE))])
    await subject.pass_time(100)
    async with subject.store.begin() as transaction:
        assert await transaction.of_dead_nodes(MINUTE, ("", ""), 10) == [], "nobody has said yet that they are offline"
        await transaction.expire_leases(10)
        found = await transaction.of_dead_nodes(MINUTE, ("", ""), 10)
        assert [row.account_id for row in found] == ["d", "b"]
        assert await transaction.of_dead_nodes(MINUTE, ("m", "d"), 10) == found[1:]
        assert await transaction.of_dead_nodes(2 * MINUTE, ("", ""), 10) == []


async def test_accounts_of_draining_nodes_are_found_until_they_leave(subject: Subject) -> None:
    """A drained node would keep what had no place at first."""
    async with subject.store.begin() as transaction:
        nodes = await with_nodes(transaction, "m", "n")
        await transaction.save_policies([replace(nodes["n"], policy=NodePolicy(draining=True))])
        rows = [
            Assignment("a", ASSIGNED, 1, "n"),
            Assignment("b", RELEASING, 1, "n"),
            Assignment("c", ASSIGNED, 1, "m"),
        ]
        await transaction.save_assignments(rows)
        assert [row.account_id for row in await transaction.of_draining_nodes(("", ""), 10)] == ["a"]
        assert await transaction.of_draining_nodes(("n", "a"), 10) == []


async def test_hosts_count_what_is_there_and_what_is_to_come(subject: Subject) -> None:
    """Two drains at once would overfill the same node."""
    async with subject.store.begin() as transaction:
        nodes = await with_nodes(transaction, "m", "n", facts=NodeFacts(labels={"site": "x"}))
        await transaction.save_policies([replace(nodes["m"], policy=NodePolicy(capacity=9))])
        rows = [
            Assignment("a", ASSIGNED, 1, "n"),
            Assignment("b", RELEASING, 1, "n", "m"),
            Assignment("c", RELEASING, 1, "n", "n"),
        ]
        await transaction.save_assignments(rows)
        m, n = await transaction.hosts()
        assert (m.node_id, m.accounts, m.room, m.labels) == ("m", 1, 8, {"site": "x"})
        assert await transaction.hosts(["n", "unknown"]) == [n]
        assert (n.node_id, n.accounts, n.status, n.takes_assignments) == ("n", 3, NodeStatus.ONLINE, True)


async def test_assignments_are_listed_and_shown_with_their_accounts(subject: Subject) -> None:
    """An operator would not see whose an account is, or where it goes."""
    moving = replace(VAULT, account_id="a", state=RELEASING, epoch=1, node_id="n", target="m")
    async with subject.store.begin() as transaction:
        await with_nodes(transaction, "m", "n")
        await transaction.write_accounts([AccountGroup("n", 1, 1, [account("a", epoch=1, session_version=4)])])
        await transaction.save_assignments([moving, VAULT])
    everything = await subject.store.assignment_page(AssignmentQuestion(), "", 10)
    assert [(view.account_id, view.state) for view in everything] == [("a", RELEASING), ("v", UNASSIGNED)]
    for question, expected in (
        (AssignmentQuestion(node_id="n"), ["a"]),
        (AssignmentQuestion(node_id="m"), ["a"]),
        (AssignmentQuestion(state=UNASSIGNED), ["v"]),
        (AssignmentQuestion(node_id="m", state=UNASSIGNED), []),
    ):
        assert [view.account_id for view in await subject.store.assignment_page(question, "", 10)] == expected
    assert await subject.store.assignment_page(AssignmentQuestion(), "a", 10) == everything[1:]
    assert (await subject.store.assignment("v"), await subject.store.assignment("w")) == (everything[1], None)
    shown = await subject.store.account("a", None)
    assert shown is not None
    assert (shown.epoch, shown.session_version) == (1, 4)
    assert (shown.assignment, shown.assigned_to, shown.target) == (RELEASING, "n", "m")
    node = await subject.store.node("n")
    assert node is not None
    assert (node.assigned, node.takes_assignments, node.enrolled) == (1, True, False)


async def test_an_account_is_claimed_once_by_two_at_the_same_time(subject: Subject) -> None:
    """Two replicas would give one login to two nodes, and Telegram would destroy it."""
    claimed = []

    async def claim(node_id: str) -> None:
        async with subject.store.begin() as transaction:
            await transaction.lock_nodes([node_id])
            row = (await transaction.lock_assignments([], make=["a"]))["a"]
            await asyncio.sleep(0.05)
            if row.claimable:
                claimed.append(node_id)
                await transaction.save_assignments([replace(row, state=ASSIGNED, node_id=node_id)])

    await asyncio.gather(claim("m"), claim("n"))
    assert len(claimed) == 1


@pytest.mark.parametrize("epochs", [(None, 0), (0, 1), (3, 4)])
async def test_an_account_in_another_epoch_is_told_apart(subject: Subject, epochs: tuple[int | None, int]) -> None:
    """A node that has an account in a higher epoch than this database knows would go unnoticed."""
    before, after = epochs
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        written = await transaction.write_accounts(
            [AccountGroup("n", 1, 1, [account("b"), account("a", epoch=before)])]
        )
        assert written.placed == {0, 1}
        again = await transaction.write_accounts([AccountGroup("n", 1, 2, [account("b"), account("a", epoch=after)])])
        assert (again.placed, again.changed) == ({1}, {1})
