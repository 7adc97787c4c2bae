"""Logins of folders: whose they are, when they are free, and what an older database learns."""

from dataclasses import replace

from services.registry.domain.accounts import AccountGroup
from shared.contracts.accounts import AccountReport
from shared.contracts.assignments import (
    AssignAccounts,
)
from shared.contracts.fleet import NodeStatus
from tests.contract.registry.office import NOTHING, Agent, Office
from tests.unit.registry.builders import account, change


async def test_a_folders_login_is_its_first_nodes(office: Office) -> None:
    """A node would start nothing of what is in its folder, or two nodes the same login."""
    n, m = Agent(office, "n", "a", "b"), Agent(office, "m", "a")
    await n.beats()
    assert n.runs == {"a": 0, "b": 0}, "with the very first lease"
    assert await office.told() == ["assigned a", "assigned b"]
    await m.beats()
    await m.beats()
    assert (m.runs, m.excluded) == ({}, ["a"])
    shown = await office.store.account("a", "m")
    assert shown is not None
    assert shown.assigned_to == "n"


async def test_a_change_that_overtakes_the_beat_claims_too(office: Office) -> None:
    """The beat after it would find the account's row there and claim nothing."""
    await office.changes([change(1, account("a"))])
    n = Agent(office, "n", "a")
    await n.beats()
    assert n.runs == {"a": 0}


async def test_two_nodes_that_report_a_login_in_one_batch(office: Office) -> None:
    """Both would be told that it is theirs."""
    n, m = Agent(office, "n", "a"), Agent(office, "m", "a")
    n.seq = m.seq = 1
    for agent, outcome in zip(
        (n, m),
        await office.takes_together(
            *(each.beat(account("a", epoch=0), assignments=NOTHING) for each in (n, m)),
        ),
        strict=True,
    ):
        agent.hears(outcome)
    assert sorted([*n.runs, *m.runs]) == ["a"]
    assert sorted([*n.excluded, *m.excluded]) == ["a"]


async def test_a_login_that_leaves_its_folder_is_free_when_its_node_says_so(office: Office) -> None:
    """A session file that somebody carries to another node would never start there, or start while it runs here."""
    n, m = await office.node("n", "a"), await office.node("m")
    n.folder = []
    await n.beats()
    assert await office.stands("a") == ("releasing", "n", 0, None)
    m.folder = ["a"]
    await m.beats()
    assert m.excluded == ["a"]
    await n.beats(gives=None)
    assert await office.store.assignment("a") is None
    await office.claim()
    await m.beats()
    assert (m.runs, m.excluded, n.runs) == ({"a": 0}, [], {})


async def test_an_older_agents_login_is_free_at_once(office: Office) -> None:
    """It never says that it has let go: nobody could ever have the login again."""
    old = Agent(office, "old", "a")
    await old.beats(assignments=None)
    assert await office.stands("a") == ("assigned", "old", 0, None)
    old.folder = []
    await old.beats(assignments=None)
    assert await office.store.assignment("a") is None
    assert old.set is None, "and nothing was sent that it does not know"


async def test_what_was_there_before_assignments_is_claimed(office: Office) -> None:
    """After an upgrade no account would ever start again."""
    async with office.store.begin() as transaction:
        nodes = await transaction.lock_nodes(["n"])
        await transaction.save_nodes([replace(nodes["n"], status=NodeStatus.ONLINE, takes_assignments=True)], 30)
        await transaction.write_accounts([_group("n", account("a"), account("b"))])
    await office.claim()
    assert await office.told() == ["assigned a", "assigned b", "set n"]
    await office.claim()
    assert await office.told() == []


def _group(node_id: str, *reports: AccountReport) -> AccountGroup:
    return AccountGroup(node_id, 1, 1, reports)


async def test_a_registry_that_was_restored_goes_on_above_what_nodes_know(office: Office) -> None:
    """Nodes take only higher numbers: none would ever start anything again."""
    n = Agent(office, "n", "a")
    n.set = AssignAccounts(node_id="n", revision=70)
    await n.beats()
    assert (n.goes_by.revision, n.runs) == (71, {"a": 0})
