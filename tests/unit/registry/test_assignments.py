"""What may happen to an assignment: the table in the module's docstring is the code's, row by row."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from services.registry.domain import assignments
from services.registry.domain.assignments import (
    ASSIGNED,
    RELEASING,
    UNASSIGNED,
    Assignment,
    BelongsElsewhere,
    Event,
    GivenBack,
    LeaseOver,
    LeftFolder,
    Moved,
    Ordered,
    Origin,
    Removed,
    Reported,
    Stays,
    Stored,
    Unassignable,
    Waived,
    moved,
)
from tests.unit.registry.builders import AT
from tests.unit.registry.happenings import (
    EVENTS,
    HASH,
    IN_FOLDER,
    LEAVING_FOLDER,
    MOVING,
    NEWER,
    OF_A_ROW,
    OLDER,
    RUNS,
    SOON,
)


def rows_of(text: str) -> Iterator[list[str]]:
    """The cells of the table in a text, its two head lines left out."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def cell(row: Assignment | None, event: Event) -> str:
    """What the code says, as the table writes it."""
    match moved(row, "a", event, SOON):
        case Moved(None):
            return "`no row`"
        case Moved(Assignment() as after) if row is None or place(row) != place(after):
            return f"`{after.state.value}`"
        case Unassignable():
            return "refused"
    return "stays"


def place(row: Assignment) -> tuple[object, ...]:
    """What an operator sees of a change."""
    return (row.state, row.epoch, row.node_id, row.target)


def test_the_table_is_the_code() -> None:
    """Whoever models, proves or explains the protocol would do it for another one."""
    told = {name: cells for name, *cells in rows_of(assignments.__doc__ or "")}
    assert list(told) == list(EVENTS)
    for name, (event, *rows) in EVENTS.items():
        assert [row.state for row in rows if row] == [
            state for row, state in zip(rows, (UNASSIGNED, ASSIGNED, RELEASING), strict=True) if row
        ]
        first = "–" if name in OF_A_ROW else cell(None, event)
        assert told[name] == [first, *("–" if row is None else cell(row, event) for row in rows)], name


@pytest.mark.parametrize(
    "word",
    [
        GivenBack("m", 3, 9, NEWER),
        GivenBack("n", 2, 9, NEWER),
        GivenBack("n", 3, 6, NEWER),
        LeaseOver("m"),
        LeftFolder("n"),
    ],
)
def test_only_its_own_node_in_this_epoch_gives_it_back(word: Event) -> None:
    """A late word about an earlier tenure would start the account on a second node."""
    row = replace(MOVING, told_in=7)
    assert isinstance(moved(row, "a", word, SOON), Stays)
    assert isinstance(moved(row, "a", GivenBack("n", 3, 7, NEWER), SOON), Moved)


def test_a_change_of_mind_never_goes_back_in_the_same_epoch() -> None:
    """The node may have stopped it already and never starts it in this epoch again."""
    back = after(MOVING, Ordered("n"))
    assert (back.state, back.target, back.epoch) == (RELEASING, "n", 3)
    again = after(back, GivenBack("n", 3, 0, NEWER))
    assert (again.state, again.node_id, again.epoch) == (ASSIGNED, "n", 4)


def test_what_was_handed_back_is_waited_for_until_the_vault_has_it() -> None:
    """The next node would start with an older state and answer messages twice."""
    there = after(MOVING, GivenBack("n", 3, 0, NEWER))
    assert (there.node_id, there.epoch, there.handed_back, there.target) == ("m", 4, NEWER, None)
    assert after(there, Stored(NEWER, SOON)).handed_back is None
    assert after(MOVING, GivenBack("n", 3, 0, HASH)).handed_back is None, "the vault has it already"
    on = after(replace(there, state=RELEASING, target="o"), GivenBack("m", 4, 0, None))
    assert (on.node_id, on.handed_back) == ("o", NEWER), "m never had the login: n's state is still on its way"


def test_what_may_have_been_answered_stays_unanswered_wherever_the_account_goes() -> None:
    """A guest would be answered by two nodes: the vault's state does not know of the first answer."""
    over = after(MOVING, LeaseOver("n", until=SOON))
    assert (over.node_id, over.silent_before) == ("m", SOON)
    on = after(replace(over, state=RELEASING, target="o"), GivenBack("m", 4, 0, NEWER))
    assert on.silent_before == SOON, "nobody says that m has caught up"
    heard = after(MOVING, GivenBack("n", 3, 0, None, heard_until=SOON))
    assert heard.silent_before == SOON, "n lost the newest state and knows what it has heard"
    late = after(replace(heard, silent_before=None, handed_back=NEWER, since=SOON), Waived())
    assert late.silent_before == SOON, "n had given it back before it was assigned anew"
    earlier = after(replace(MOVING, silent_before=SOON), GivenBack("n", 3, 0, NEWER, heard_until=AT))
    assert earlier.silent_before == SOON, "the time only rises"


def test_a_folders_login_moves_into_the_vault() -> None:
    """The file would be claimed again by the node that has just given it back."""
    moving = after(replace(IN_FOLDER, told_in=1), Ordered("m"))
    there = after(moving, GivenBack("n", 0, 1, NEWER))
    assert (there.node_id, there.epoch, there.origin, there.handed_back) == ("m", 1, Origin.VAULT, NEWER)
    assert moved(there, "a", Reported("n", 0), SOON) == BelongsElsewhere("m")
    ended = after(LEAVING_FOLDER, GivenBack("n", 0, 0, NEWER))
    assert not ended.claimable
    assert moved(ended, "a", Reported("n", 0), SOON) == BelongsElsewhere(None)


def test_a_silent_nodes_folder_is_not_claimed_again_once_the_vault_has_its_login() -> None:
    """An account that was ordered to no node would be that node's again, in an epoch that it has given back already."""
    ended = after(replace(LEAVING_FOLDER, in_vault=HASH), LeaseOver("n"))
    assert (ended.state, ended.epoch, ended.claimable) == (UNASSIGNED, 0, False)
    assert moved(ended, "a", Reported("n", 0), SOON) == BelongsElsewhere(None)


def test_a_login_that_left_its_folder_may_be_claimed_elsewhere() -> None:
    """A login that somebody carries from one folder to another would never start again."""
    leaving = after(replace(IN_FOLDER, in_vault=HASH), LeftFolder("n"))
    free = after(leaving, GivenBack("n", 0, 0))
    claimed = after(free, Reported("m", 0))
    assert (claimed.node_id, claimed.epoch, claimed.origin) == ("m", 0, Origin.FOLDER)
    assert after(free, Ordered("m")).epoch == 1, "or the vault's copy is assigned"


def test_older_news_of_the_vault_change_nothing() -> None:
    """An announcement that was overtaken would bring a removed login back, or stop an account a second time."""
    for late in (Stored(OLDER, AT), Stored(OLDER, AT, chosen=True), Removed(AT)):
        assert isinstance(moved(RUNS, "a", late, SOON), Stays)


def test_another_version_makes_it_start_anew_on_its_node() -> None:
    """An operator's choice would wait for the next restart."""
    leaving = after(RUNS, Stored(OLDER, SOON, chosen=True))
    assert (leaving.state, leaving.target, leaving.in_vault) == (RELEASING, "n", OLDER)
    assert after(leaving, GivenBack("n", 3, 0, NEWER)).epoch == 4


def test_a_learnt_epoch_is_confirmed_by_an_order() -> None:
    """A node with stolen credentials could have any login sent by naming a high epoch."""
    learnt = after(RUNS, Reported("o", 9))
    assert (learnt.node_id, learnt.epoch, learnt.adopted) == ("o", 9, True)
    assert isinstance(moved(RUNS, "a", Reported("o", 2**63 - 1), SOON), Stays), "there is no number after it"
    confirmed = after(after(learnt, Ordered("o")), GivenBack("o", 9, 0, NEWER))
    assert (confirmed.node_id, confirmed.epoch, confirmed.adopted) == ("o", 10, False)


def test_a_folders_own_file_outlives_its_copy_in_the_vault() -> None:
    """Deleting a copy would stop the original."""
    assert after(replace(IN_FOLDER, in_vault=HASH, vault_at=AT), Removed(SOON)).state is ASSIGNED


def after(row: Assignment, event: Event) -> Assignment:
    """The row after an event that changes it."""
    outcome = moved(row, row.account_id, event, SOON)
    assert isinstance(outcome, Moved)
    assert outcome.after is not None
    return outcome.after
