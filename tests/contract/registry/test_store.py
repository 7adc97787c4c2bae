"""The store's contract: nodes come back as they were saved, a failed transaction leaves nothing."""

import asyncio
from dataclasses import replace

import pytest

from services.registry.domain.node import StoredNode
from services.registry.domain.views import (
    NodeQuestion,
)
from shared.contracts.artifacts import TestTally
from shared.contracts.fleet import AccountsChanged, NodeStatus
from tests.contract.registry.rows import NODE, fill, group
from tests.contract.registry.subject import Subject
from tests.unit.registry.builders import AT, account


async def test_a_node_comes_back_as_it_was_saved(subject: Subject) -> None:
    """A field lost on the way makes every beat a change, or no difference applicable."""
    async with subject.store.begin() as transaction:
        assert await transaction.lock_nodes(["n"]) == {"n": StoredNode("n")}
        await transaction.save_nodes([NODE], 30)
    async with subject.store.begin() as transaction:
        assert await transaction.lock_nodes(["n"]) == {"n": NODE}
        assert await transaction.nodes_after("", 10) == [NODE]
        assert await transaction.nodes_after("n", 10) == []


async def test_a_node_is_shown_with_the_tests_of_its_scripts(subject: Subject) -> None:
    """A script without tests, or of an agent that does not tell, would look like one that passed them."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        await transaction.save_nodes([NODE], 30)
    shown = await subject.store.node("n")
    assert shown is not None
    assert [(one.id, one.tests) for one in shown.artifacts] == [
        ("s", TestTally(passed=3, total=3)),
        ("of-an-older-agent", None),
    ]
    assert "tests_passed" not in shown.model_dump_json()


async def test_a_failed_transaction_leaves_nothing(subject: Subject) -> None:
    """A node would get an event about rows that were never committed."""
    with pytest.raises(RuntimeError, match="on purpose"):
        async with subject.store.begin() as transaction:
            await transaction.lock_nodes(["n"])
            await transaction.write_accounts([group(1, 1, account())])
            await transaction.emit([AccountsChanged(node_id="n", at=AT)])
            raise RuntimeError("on purpose")
    assert await subject.store.node("n") is None
    assert await subject.take_sent() == []


async def test_leases_end_and_only_those(subject: Subject) -> None:
    """A node that has just renewed its lease would be called offline."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n", "m", "silent"])
        await transaction.save_nodes([NODE], 30)
        await transaction.save_nodes([replace(NODE, node_id="m")], 300)
    await subject.pass_time(31)
    async with subject.store.begin() as transaction:
        assert await transaction.expire_leases(10) == [replace(NODE, status=NodeStatus.OFFLINE)]
        assert await transaction.expire_leases(10) == []


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (NodeQuestion(source="local"), ["n"]),
        (NodeQuestion(label=("region", "tokyo")), ["n"]),
        (NodeQuestion(label=("region", "osaka")), []),
        (NodeQuestion(q="N"), ["n"]),
        (NodeQuestion(q='H"O'), ["n"]),
        (NodeQuestion(q="%"), []),
    ],
)
async def test_filters_of_nodes(subject: Subject, question: NodeQuestion, found: list[str]) -> None:
    """Among ten thousand nodes a list without filters shows nothing."""
    await fill(subject)
    assert [node.node_id for node in await subject.store.nodes(question, "", 10)] == found


async def test_the_outbox_says_how_much_waits(subject: Subject) -> None:
    """Announcements would fill the database while the broker is away."""
    async with subject.store.begin() as transaction:
        await transaction.emit(AccountsChanged(node_id="n", at=AT) for _ in range(5))
    async with subject.store.begin() as transaction:
        assert await transaction.unsent(3) == 3
        assert await transaction.unsent(10) == 5


async def test_transactions_with_the_same_new_nodes_wait_for_each_other(subject: Subject) -> None:
    """Two replicas with the first beats of the same nodes would deadlock or write over each other."""

    async def count(node_ids: list[str]) -> None:
        async with subject.store.begin() as transaction:
            nodes = await transaction.lock_nodes(node_ids)
            raised = [replace(node, account_count=node.account_count + 1) for node in nodes.values()]
            await transaction.save_nodes(raised, 30)

    names = [f"n{number}" for number in range(20)]
    await asyncio.gather(*(count(names if each % 2 else names[::-1]) for each in range(5)))
    assert {node.account_count for node in await subject.store.nodes(NodeQuestion(), "", 100)} == {5}
