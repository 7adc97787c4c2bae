"""The store's contract: rows only rise, changes are told apart, a failed transaction leaves nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.registry.domain.accounts import AccountGroup, FullReport, Removal, Written
from services.registry.domain.node import StoredNode
from services.registry.domain.ports import Transaction
from services.registry.domain.views import (
    AccountPlace,
    AccountQuestion,
    AccountSort,
    AccountView,
    NodeQuestion,
    place_of_account,
)
from shared.contracts.accounts import AccountReport
from shared.contracts.artifacts import AppliedArtifact, TestTally
from shared.contracts.fleet import AccountsChanged, NodeStatus
from shared.contracts.heartbeats import NodeFacts, Resources
from tests.contract.registry.conftest import Subject
from tests.unit.registry.builders import AT, LEDGER, OTHER_LEDGER, account, change, digest

NODE = StoredNode(
    "n",
    status=NodeStatus.ONLINE,
    facts=NodeFacts(
        source="local", hostname='h"o\\s,t', agent_version="1", labels={"region": "tokyo"}, time_zone="Asia/Tokyo"
    ),
    artifacts=(
        AppliedArtifact(
            id="s", version=2, hash="sha256:" + "0" * 64, tests_passed=True, tests=TestTally(passed=3, total=3)
        ),
        AppliedArtifact(id="of-an-older-agent", version=1, hash="sha256:" + "1" * 64, tests_passed=True),
    ),
    account_count=3,
    boot=5,
    seq=7,
    digest=digest(7),
    recent_digests=(digest(6), digest(7)),
    ledger_id=LEDGER,
    changes_through=0,
    resources=Resources(cores=2, load=0.25, memory_total=8 << 30, memory_available=5 << 30, agent_memory=90_000_000),
)


@pytest.fixture
async def transaction(subject: Subject) -> AsyncIterator[Transaction]:
    """A transaction in which node `n` is locked."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        yield transaction


def group(boot: int, seq: int, *reports: AccountReport, number: int = 0) -> AccountGroup:
    """Reports of node `n`."""
    return AccountGroup("n", boot, seq, reports, number)


async def views(subject: Subject) -> dict[str, AccountView]:
    """All accounts."""
    rows = await subject.store.accounts(AccountQuestion(), AccountPlace(), 1000)
    return {row.account_id: row for row in rows}


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


async def test_new_rows_states_and_counters_are_told_apart(transaction: Transaction) -> None:
    """The outbox would fill with counters, or a new state would never be told."""
    first = [account("a"), account("b"), account("c")]
    assert await transaction.write_accounts([group(1, 1, *first)]) == Written(changed={0, 1, 2}, placed={0, 1, 2})
    second = [account("a"), account("b", message_count=1), account("c", status="error", status_reason="banned")]
    assert await transaction.write_accounts([group(1, 2, *second)]) == Written(changed={2}, counted={1})


@pytest.mark.parametrize("origin", [(1, 1, 0), (1, 2, 3), (1, 2, 4), (0, 9, 9)])
async def test_rows_only_rise(transaction: Transaction, subject: Subject, origin: tuple[int, int, int]) -> None:
    """A late report would put an account back into a state that it has left."""
    await transaction.write_accounts([group(1, 2, account(message_count=9), number=4)])
    boot, seq, number = origin
    late = group(boot, seq, account(message_count=1), number=number)
    assert await transaction.write_accounts([late]) == Written()


@pytest.mark.parametrize("origin", [(1, 2, 5), (1, 3, 0), (2, 0, 0)])
async def test_a_newer_row_replaces(transaction: Transaction, origin: tuple[int, int, int]) -> None:
    """News would be taken for old."""
    await transaction.write_accounts([group(1, 2, account(message_count=9), number=4)])
    boot, seq, number = origin
    newer = group(boot, seq, account(message_count=1), number=number)
    assert await transaction.write_accounts([newer]) == Written(counted={0})


async def test_positions_count_through_groups_and_statements(subject: Subject) -> None:
    """With more rows than a statement takes, a change would be told of another account."""
    reports = [account(f"a{number:04}") for number in range(2500)]
    groups = [group(1, 1, *reports[:700]), group(1, 1, *reports[700:])]
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        assert await transaction.write_accounts(groups) == Written(changed=set(range(2500)), placed=set(range(2500)))
        reports[1700] = account("a1700", status="error")
        reports[2400] = account("a2400", reply_count=1)
        groups = [group(1, 2, *reports[:1750]), group(1, 2, *reports[1750:])]
        assert await transaction.write_accounts(groups) == Written(changed={1700}, counted={2400})


# What an account's report says to the back office itself: see `user_ids`; the vault knows its own hashes.
NOT_SHOWN = {"user_id", "session_hash"}


async def test_every_column_of_an_account_survives(subject: Subject) -> None:
    """An unusual text would be cut, split or refused with the hundred rows beside it."""
    odd = account(
        "+49.odd_@-name",
        status="waiting",
        status_reason='NULL, "quoted" \\ {braces}\n劇本 \0 end',
        script_id="welcome",
        script_version=2**31 - 1,
        script_hash="sha256:" + "f" * 64,
        message_count=2**63 - 1,
        reply_count=1,
        last_activity=AT + timedelta(microseconds=123456),
        session_file="NULL",
        user_id=2**63 - 1,
    )
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        await transaction.save_nodes([NODE], 30)
        await transaction.write_accounts([group(1, 1, odd, account("plain"))])
    shown = await views(subject)
    expected = odd.model_dump(exclude=NOT_SHOWN)
    reason = shown[odd.account_id].status_reason or ""
    assert reason.replace("\N{REPLACEMENT CHARACTER}", "\0") == expected.pop("status_reason")
    assert {name: getattr(shown[odd.account_id], name) for name in expected} == expected
    assert await subject.store.user_ids(10) == [2**63 - 1]
    assert shown["plain"].session_file is None
    assert shown["plain"].source == "local"


async def test_a_full_report_removes_what_it_does_not_list(transaction: Transaction) -> None:
    """Accounts that left a node while it was not heard would stay for ever."""
    await transaction.write_accounts([group(1, 1, account("a"), account("b"))])
    await transaction.write_accounts([group(1, 3, account("late"))])
    await transaction.write_accounts([group(1, 2, account("a"))])
    assert await transaction.remove_unlisted([FullReport("n", 1, 2)]) == [("n", "b")]
    assert await transaction.known_accounts([("n", "a"), ("n", "b"), ("n", "late")]) == {("n", "a"), ("n", "late")}


async def test_a_removal_takes_only_rows_that_are_not_newer(transaction: Transaction) -> None:
    """An account that came back would be deleted by the word that it had gone."""
    await transaction.write_accounts([group(1, 2, account("a")), group(1, 4, account("b"))])
    gone = await transaction.remove_accounts(
        [Removal("n", "a", 1, 3), Removal("n", "b", 1, 3), Removal("n", "c", 1, 3)]
    )
    assert gone == [("n", "a")]


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


async def test_changes_advance_to_the_first_hole(transaction: Transaction) -> None:
    """The node would forget a change that the broker lost."""
    await transaction.save_nodes([NODE], 30)
    await transaction.add_changes([change(1), change(2), change(4), change(1, ledger_id=OTHER_LEDGER)])
    assert dict(await transaction.advance_changes(["n"])) == {"n": 2}
    assert dict(await transaction.advance_changes(["n"])) == {}
    await transaction.add_changes([change(3)])
    assert dict(await transaction.advance_changes(["n"])) == {"n": 4}


async def test_a_change_is_kept_once(subject: Subject) -> None:
    """A change that was sent again would be in the history twice, or overwrite what was recorded."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        await transaction.add_changes([change(1, account(status="error", status_reason="first"))])
        await transaction.add_changes([change(1, account(status="online")), change(2)])
    history = await subject.store.account_changes("a", None, 10)
    assert [(entry.number, entry.status, entry.reason) for entry in history] == [
        (2, "online", None),
        (1, "error", "first"),
    ]
    assert await subject.store.account_changes("a", "other", 10) == []


async def test_only_confirmed_history_is_pruned(subject: Subject) -> None:
    """A change behind a hole would be deleted before its node knows that it was recorded."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n"])
        await transaction.save_nodes([NODE], 30)
        await transaction.add_changes([change(number) for number in (1, 2, 3, 5)])
        await transaction.advance_changes(["n"])
    async with subject.store.begin() as transaction:
        assert await transaction.prune_changes(3, timedelta(days=1)) == 1
    await subject.pass_time(2 * 24 * 3600)
    async with subject.store.begin() as transaction:
        assert await transaction.prune_changes(3, timedelta(days=1)) == 2
    assert [entry.number for entry in await subject.store.account_changes("a", None, 10)] == [5]


async def fill(subject: Subject) -> None:
    """Two nodes with three accounts."""
    async with subject.store.begin() as transaction:
        await transaction.lock_nodes(["n", "m"])
        await transaction.save_nodes([NODE, replace(NODE, node_id="m", facts=NodeFacts(source="remote"))], 30)
        reports = [
            account("a", script_id="welcome", message_count=2),
            account("Z@1", status="error", session_file="100%.session"),
        ]
        await transaction.write_accounts([group(1, 1, *reports)])
        await transaction.write_accounts([AccountGroup("m", 1, 1, [account("a", session_file="x_y", reply_count=3)])])


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
