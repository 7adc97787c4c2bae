"""Questions about accounts: filters, orders, pages, and what is shown of a silent node's."""

from dataclasses import replace

import pytest

from services.registry.domain.views import (
    AccountPlace,
    AccountQuestion,
    AccountSort,
    AccountView,
    NodeQuestion,
    place_of_account,
)
from shared.contracts.fleet import NodeStatus
from tests.contract.registry.rows import NODE, fill, group, views
from tests.contract.registry.subject import Subject
from tests.unit.registry.builders import AT, account, change


async def test_accounts_of_a_silent_node_are_shown_offline_with_the_reason(subject: Subject) -> None:
    """An operator would see online accounts on a dead machine, or an offline one nobody can explain."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        await transaction.save_nodes([NODE], 30)
        await transaction.write_accounts([group(1, 1, account(status="limited", status_reason="PeerFlood"))])
    await subject.pass_time(31)
    async with subject.store.begin() as transaction:
        await transaction.expire_leases(10)
    shown = (await views(subject))["a"]
    assert shown.status == "offline"
    assert (shown.status_reason or "").startswith("node n is offline since 20")
    assert await subject.store.accounts(AccountQuestion(status=("limited",)), AccountPlace(), 10) == []  # type: ignore[arg-type]
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        await transaction.save_nodes([replace(NODE, seq=8)], 30)
    assert (await views(subject))["a"].status_reason == "PeerFlood"


async def test_an_account_of_a_node_that_never_reported_says_so(subject: Subject) -> None:
    """A change that came before the first beat would be shown as if the node had been online."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        await transaction.write_accounts([group(1, 1, account(), number=1)])
    assert (await views(subject))["a"].status_reason == "node n has not reported yet"


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (AccountQuestion(), ["m/a", "n/Z@1", "n/a"]),
        (AccountQuestion(node_id="n"), ["n/Z@1", "n/a"]),
        (AccountQuestion(source="remote"), ["m/a"]),
        (AccountQuestion(script_id="welcome"), ["n/a"]),
        (AccountQuestion(status=("error", "waiting")), ["n/Z@1"]),  # type: ignore[arg-type]
        (AccountQuestion(q="z@1"), ["n/Z@1"]),
        (AccountQuestion(q="%"), ["n/Z@1"]),
        (AccountQuestion(q="X_Y"), ["m/a"]),
        (AccountQuestion(q="_"), ["m/a"]),
        (AccountQuestion(q="\\"), []),
        (AccountQuestion(node_id="n", q="welc"), ["n/a"]),
        (AccountQuestion(label=("region", "tokyo")), ["n/Z@1", "n/a"]),
        (AccountQuestion(label=("region", "osaka")), []),
    ],
)
async def test_filters(subject: Subject, question: AccountQuestion, found: list[str]) -> None:
    """A search would miss accounts, or take what the operator typed for a pattern."""
    await fill(subject)
    rows = await subject.store.accounts(question, AccountPlace(), 10)
    assert [f"{row.node_id}/{row.account_id}" for row in rows] == found


async def test_pages_are_in_one_order(subject: Subject) -> None:
    """A cursor would repeat rows or leave them out; capitals sort before small letters, whatever the locale."""
    await fill(subject)
    rows = await subject.store.accounts(AccountQuestion(), AccountPlace("n", "Z@1"), 10)
    assert [(row.node_id, row.account_id) for row in rows] == [("n", "a")]
    assert [node.node_id for node in await subject.store.nodes(NodeQuestion(), "m", 10)] == ["n"]
    assert [node.node_id for node in await subject.store.nodes(NodeQuestion(NodeStatus.ONLINE), "", 1)] == ["m"]
    assert await subject.store.nodes(NodeQuestion(NodeStatus.OFFLINE), "", 10) == []


@pytest.mark.parametrize("sort", AccountSort)
@pytest.mark.parametrize("descending", [False, True])
async def test_every_order_can_be_paged(subject: Subject, sort: AccountSort, descending: bool) -> None:
    """A page that begins at the wrong place hides accounts from whoever looks for the busiest one."""
    await fill(subject)
    question = AccountQuestion(sort=sort, descending=descending)
    whole = await subject.store.accounts(question, AccountPlace(), 10)
    assert len(whole) == 3
    paged: list[AccountView] = []
    while len(paged) < len(whole):
        after = place_of_account(paged[-1], sort) if paged else AccountPlace()
        paged += await subject.store.accounts(question, after, 1)
    assert paged == whole
    back = await subject.store.accounts(AccountQuestion(sort=sort, descending=not descending), AccountPlace(), 10)
    assert back == whole[::-1]


async def test_orders_are_by_what_is_shown(subject: Subject) -> None:
    """Sorted by a column, the list must read as sorted by it."""
    await fill(subject)

    async def sorted_by(sort: AccountSort) -> list[str]:
        rows = await subject.store.accounts(AccountQuestion(sort=sort), AccountPlace(), 10)
        return [f"{row.node_id}/{row.account_id}" for row in rows]

    assert await sorted_by(AccountSort.STATUS) == ["n/Z@1", "m/a", "n/a"]
    assert await sorted_by(AccountSort.SCRIPT) == ["m/a", "n/Z@1", "n/a"]
    assert await sorted_by(AccountSort.ACCOUNT) == ["n/Z@1", "m/a", "n/a"]


async def test_a_state_is_shown_with_its_beginning(subject: Subject) -> None:
    """'Error' alone does not say whether it is news; a report that is ahead of the history says nothing wrong."""
    await fill(subject)
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        changes = [change(1, account("Z@1", status="error")), change(2, account("a", status="error"))]
        await transaction.add_changes(changes)
    rows = await subject.store.accounts(AccountQuestion(node_id="n"), AccountPlace(), 10)
    assert {row.account_id: row.status_since for row in rows} == {"Z@1": AT, "a": None}


async def test_an_account_on_two_nodes(subject: Subject) -> None:
    """The operator would be shown the node that an account has left."""
    await fill(subject)
    await subject.pass_time(1)
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        await transaction.write_accounts([group(1, 2, account("a"))])
    newest, named = await subject.store.account("a", None), await subject.store.account("a", "m")
    assert newest is not None
    assert named is not None
    assert (newest.node_id, named.node_id) == ("n", "m")
    assert await subject.store.account("nobody", None) is None


async def test_the_summary_counts_what_is_shown(subject: Subject) -> None:
    """The console's totals would contradict its list."""
    await fill(subject)
    summary = await subject.store.summary()
    assert summary.nodes == {"online": 2, "offline": 0}
    assert {status: count for status, count in summary.accounts.items() if count} == {"online": 2, "error": 1}
    assert (summary.message_count, summary.reply_count) == (2, 3)
