"""What follows from the node's set of assignments, against the table that says it, and in which order words count."""

import itertools
import re

import pytest

from services.node_agent.domain import assignments
from services.node_agent.domain.assignments import (
    Assignments,
    Condition,
    OlderSet,
    Says,
    Taken,
    Verdict,
    verdict,
)
from shared.contracts.assignments import (
    AssignAccounts,
    AssignedAccount,
    AssignmentSet,
    ReleasedAccount,
    assignments_digest,
)
from tests.support.tables import table


def row(account_id: str, epoch: int, *, release: bool = False) -> AssignedAccount:
    """An account of a set."""
    return AssignedAccount(account_id=account_id, epoch=epoch, release=release)


def order(revision: int, *rows: AssignedAccount, excluded: tuple[str, ...] = ()) -> AssignAccounts:
    """A set on its way."""
    return AssignAccounts(node_id="n", revision=revision, accounts=list(rows), excluded=list(excluded))


def named(sent: AssignAccounts) -> AssignmentSet:
    """As grants name it."""
    return AssignmentSet(revision=sent.revision, digest=assignments_digest(sent.accounts, sent.excluded))


def agent(*orders: AssignAccounts, seq: int = 1) -> Assignments:
    """An agent that was told these sets, the last one of which a grant has named."""
    told = Assignments()
    for each in orders:
        told.take(each)
    told.granted(seq, named(orders[-1]))
    return told


@pytest.mark.parametrize(("says", "condition"), list(itertools.product(Says, Condition)))
def test_what_follows_is_what_the_table_says(says: Says, condition: Condition) -> None:
    """An account could be started that is another node's, or go on where it was to be given back."""
    rows = table_rows()
    columns = [condition.value for condition in Condition]
    [found] = [each for each in rows if each[0] == says.value]
    assert verdict(says, condition) == Verdict(found[1 + columns.index(condition.value)])


def test_the_table_has_every_row_and_column_and_explains_its_words() -> None:
    """A word that nobody explains is a rule that nobody understands."""
    text = assignments.__doc__ or ""
    [header] = [line for line in text.splitlines() if line.startswith("| the set")]
    assert [cell.strip() for cell in header.strip("|").split("|")][1:] == [each.value for each in Condition]
    assert [each[0] for each in table_rows()] == [each.value for each in Says]
    explained = set(re.findall(r"\*([\w ]+)\*", text))
    assert {each.value for each in Says} <= explained


def table_rows() -> list[list[str]]:
    """The table's rows."""
    return table(assignments.__doc__ or "", "the set")


def test_an_account_starts_only_under_a_grant_that_names_the_very_set() -> None:
    """A set that has changed meanwhile may have given the account to somebody else."""
    told = Assignments()
    told.take(order(3, row("anna", 2)))
    assert told.judge("anna", None, has_login=True) is Verdict.WAIT
    told.granted(1, AssignmentSet(revision=3, digest="0" * 32))
    assert told.judge("anna", None, has_login=True) is Verdict.WAIT
    told.granted(2, named(order(3, row("anna", 2))))
    assert told.judge("anna", None, has_login=True) is Verdict.START


def test_a_grant_that_names_another_set_stops_nobody_and_is_asked_about_once() -> None:
    """Every change of a set would stop the whole node for a moment; and a registry at odds would be beaten for ever."""
    told, other = agent(order(3, row("anna", 2))), AssignmentSet(revision=4, digest="1" * 32)
    assert told.granted(2, other) is True
    assert told.may_run("anna", 2)
    assert told.judge("anna", None, has_login=True) is Verdict.WAIT
    assert told.granted(3, other) is False


def test_the_newest_beats_grant_counts_whichever_comes_last() -> None:
    """A late grant names a set of yesterday, which may be the agent's own again."""
    told = agent(order(3, row("anna", 2)), seq=5)
    told.granted(7, AssignmentSet(revision=4, digest="1" * 32))
    told.granted(6, named(order(3, row("anna", 2))))
    assert told.judge("anna", None, has_login=True) is Verdict.WAIT


def test_only_a_higher_revision_is_taken() -> None:
    """A late message would bring back what was given away."""
    told = agent(order(3, row("anna", 2)))
    assert told.take(order(2, row("bert", 1))) == OlderSet(3)
    assert told.take(order(3, row("bert", 1))) == OlderSet(3)
    assert isinstance(told.take(order(4, row("bert", 1))), Taken)
    assert (told.says("anna"), told.says("bert")) == (Says.NOTHING, Says.HERE)


@pytest.mark.parametrize(
    "after", [order(4), order(4, row("anna", 2, release=True)), order(4, row("anna", 3)), order(4, excluded=("anna",))]
)
def test_a_running_account_stops_when_the_set_has_it_otherwise(after: AssignAccounts) -> None:
    """The old node would go on beside the new one for as long as its lease lasts."""
    told = agent(order(3, row("anna", 2)))
    assert told.may_run("anna", 2)
    told.take(after)
    assert told.judge("anna", 2, has_login=True) is Verdict.STOP
    assert not told.may_run("anna", 2)


def test_what_was_given_back_is_told_while_the_set_has_it_and_never_started_in_its_epoch_again() -> None:
    """The registry may have moved it as soon as it heard; a set that has it again comes from a restored copy."""
    told = agent(order(3, row("anna", 2, release=True)))
    [to_give] = told.to_give_back()
    assert told.released() == []
    told.give_back(to_give, "sha256:" + "a" * 64)
    assert told.to_give_back() == []
    assert told.released() == [ReleasedAccount(account_id="anna", epoch=2, session_hash="sha256:" + "a" * 64)]
    told.take(order(4, row("anna", 2)))
    told.granted(2, told.named)
    assert told.judge("anna", None, has_login=True) is Verdict.RELEASE and len(told.released()) == 1
    told.take(order(5, row("anna", 3)))
    told.granted(3, told.named)
    assert told.judge("anna", None, has_login=True) is Verdict.START and told.released() == []


def test_a_file_that_came_back_may_run_again_although_the_set_between_was_lost() -> None:
    """It would be told as given back for ever, and neither start here nor be found out by the registry."""
    told = agent(order(3, row("anna", 0, release=True)))
    told.give_back(row("anna", 0), None)
    told.take(order(4, row("anna", 0, release=True), row("bert", 1)))
    assert told.is_given_back("anna"), "the registry has not heard it yet"
    told.take(order(6, row("anna", 0), row("bert", 1)))
    told.granted(2, told.named)
    assert told.released() == []
    assert told.judge("anna", None, has_login=True) is Verdict.START


def test_a_file_whose_login_went_to_the_vault_stays_given_back() -> None:
    """Only a registry that was restored from an older copy says otherwise, while another node runs the account."""
    told = agent(order(3, row("anna", 0, release=True)))
    told.give_back(row("anna", 0), "sha256:" + "a" * 64)
    told.take(order(6, row("anna", 0)))
    told.granted(2, told.named)
    assert told.judge("anna", None, has_login=True) is Verdict.RELEASE and len(told.released()) == 1


def test_logins_are_asked_for_that_the_vault_can_send() -> None:
    """The folder's would be asked for in vain; one that goes away would be sent to a node that it leaves."""
    told = agent(order(3, row("anna", 2), row("bert", 0), row("carl", 4, release=True), row("dora", 1)))
    assert told.wanting(lambda account_id, epoch: (account_id, epoch) == ("dora", 1)) == ["anna"]


def test_a_started_agent_names_the_empty_set() -> None:
    """With no word of sets at all it would be taken for an agent that runs whatever is in its folder."""
    told = Assignments()
    assert told.named == AssignmentSet(revision=0, digest=assignments_digest((), ()))
    assert not told.settled and told.judge("anna", None, has_login=True) is Verdict.WAIT


def test_a_node_whose_empty_set_is_confirmed_has_nobody() -> None:
    """The registry's first set of a node has no message of its own when nobody is in it."""
    told = Assignments()
    told.granted(1, told.named)
    assert told.settled and told.says("anna") is Says.NOTHING


def test_without_sets_the_folder_runs() -> None:
    """A fleet whose registry is older than its agents would stand still."""
    told = Assignments()
    told.granted(1, None)
    assert told.judge("anna", None, has_login=True) is Verdict.START
    assert told.settled and told.may_run("anna", 0)


def test_a_registry_that_begins_to_assign_stops_nobody_before_it_has_told_whom() -> None:
    """An upgrade of the registry would cost every account its connection."""
    told = Assignments()
    told.granted(1, None)
    told.granted(2, AssignmentSet(revision=1, digest="1" * 32))
    assert told.may_run("anna", 0)
    assert told.judge("anna", None, has_login=True) is Verdict.WAIT


def test_an_older_replica_of_the_registry_does_not_undo_the_set() -> None:
    """While replicas are replaced one after the other, grants with and without sets come in turn."""
    told = agent(order(3, row("anna", 2)))
    told.granted(2, None)
    assert told.says("bert") is Says.NOTHING and told.may_run("anna", 2)
    assert told.judge("anna", None, has_login=True) is Verdict.WAIT
