"""The two tables of drift, line by line: what a comparison finds, and what becomes of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise, product
from pathlib import Path

import pytest

from services.deployer.domain import drift
from services.deployer.domain.desired import (
    Desired,
    Drifted,
    Finding,
    Gone,
    InSync,
    Newer,
    OnItsWay,
    Want,
    compared,
)
from services.deployer.domain.drift import (
    CALM,
    MOST_REPAIRS,
    SETTLE,
    Circumstances,
    Step,
    adopted,
    looked,
    noted,
    overwritten,
    refused,
)
from shared.contracts.artifacts import AppliedArtifact, Artifact, FileState
from shared.contracts.deliveries import FailureCause
from shared.contracts.drift import DriftKind, DriftNews, DriftPolicy, DriftState
from tests.unit.deployer.making import HASH, OTHER_HASH, START

ARTIFACT = Artifact(id="greeter", version=1, hash=HASH)
WANT = Want(ARTIFACT, "dlv_" + "1" * 32, START, 1, DriftPolicy.REPAIR)
ROW = Desired("a", "greeter", WANT)
LATER, EARLIER = START + timedelta(hours=1), START - timedelta(hours=1)
THERE = Circumstances(online=True, busy=False, wait=lambda repairs: timedelta(seconds=10 * 2**repairs))


def has(content: str = HASH, ordered_at: datetime | None = START, **changes: object) -> AppliedArtifact:
    """What a node says that it has."""
    fields = {"id": "greeter", "version": 1, "hash": content, "ordered_at": ordered_at} | changes
    return AppliedArtifact.model_validate(fields)


@pytest.mark.parametrize(
    ("loaded", "on_its_way", "known", "finding", "kind"),
    [
        (has(), None, False, InSync, None),
        (has(ordered_at=None), None, False, InSync, None),
        (has(file=FileState.INTACT), None, False, InSync, None),
        (None, None, False, Drifted, DriftKind.MISSING),
        (has(file=FileState.MISSING), None, False, Drifted, DriftKind.MISSING),
        (has(file=FileState.ALTERED), None, False, Drifted, DriftKind.ALTERED),
        (has(OTHER_HASH, EARLIER), None, True, Drifted, DriftKind.OTHER),
        (has(OTHER_HASH, None), None, True, Drifted, DriftKind.OTHER),
        (has(HASH, EARLIER), None, False, Drifted, DriftKind.OTHER),
        (has(OTHER_HASH, EARLIER), None, False, Newer, None),
        (has(OTHER_HASH, None), None, False, Newer, None),
        (has(OTHER_HASH, LATER), None, True, Newer, None),
        (has(HASH, LATER), None, False, Newer, None),
        (None, LATER, False, OnItsWay, None),
        (has(OTHER_HASH, EARLIER), LATER, False, OnItsWay, None),
        (has(OTHER_HASH, LATER), LATER, False, OnItsWay, None),
        (has(OTHER_HASH, LATER + timedelta(hours=1)), LATER, True, Newer, None),
    ],
)
def test_what_a_comparison_finds(
    loaded: AppliedArtifact | None,
    on_its_way: datetime | None,
    known: bool,
    finding: type[Finding],
    kind: DriftKind | None,
) -> None:
    """Something newer would be overwritten, or something lost would go unnoticed."""
    found = compared(ROW, loaded, on_its_way, known=known)
    assert isinstance(found, finding)
    assert (found.kind if isinstance(found, Drifted) else None) is kind


def test_what_nobody_has_ordered_is_newer_until_it_is_gone() -> None:
    """After a restore of the database, scripts that it has forgotten would be shown nowhere."""
    stranger = replace(ROW, want=None)
    assert isinstance(compared(stranger, has(), None, known=False), Newer)
    assert isinstance(compared(stranger, has(ordered_at=None), LATER, known=False), OnItsWay)
    assert isinstance(compared(stranger, None, None, known=False), Gone)


DRIFT = Drifted(DriftKind.MISSING, None, "it is gone")
OTHER_DRIFT = Drifted(DriftKind.OTHER, has(OTHER_HASH, EARLIER), "it has something else")
NEWER = Newer(has(OTHER_HASH, LATER), "it is later")
OTHER_NEWER = Newer(has(OTHER_HASH, LATER + CALM), "it is still later")


def row_in(state: DriftState) -> Desired:
    """A row that came into this state by `DRIFT` or `NEWER`."""
    row = replace(ROW, state=state)
    match state:
        case DriftState.IN_SYNC:
            return row
        case DriftState.SUSPECTED:
            return replace(row, look_at=START + SETTLE, since=START, kind=DRIFT.kind)
        case DriftState.NEWER:
            return replace(row, found=NEWER.found, since=START)
        case _:
            return replace(row, kind=DRIFT.kind, since=START)


def as_before(state: DriftState) -> Drifted | Newer:
    """The difference that `row_in` has."""
    return NEWER if state is DriftState.NEWER else DRIFT


def another(state: DriftState) -> Drifted | Newer:
    """One that it has not."""
    return OTHER_NEWER if state is DriftState.NEWER else OTHER_DRIFT


def happens(event: str, row: Desired) -> Step:
    """The event of a line of the table."""
    now = START + timedelta(days=1)
    note = {"settle": SETTLE, "came_online": False}
    match event:
        case "observed: in sync":
            return noted(row, InSync(), now, **note)  # type: ignore[arg-type]
        case "observed: a difference, as before":
            return noted(row, as_before(row.state), now, **note)  # type: ignore[arg-type]
        case "observed: another difference":
            return noted(row, another(row.state), now, **note)  # type: ignore[arg-type]
        case "observed: on its way":
            return noted(row, OnItsWay(), now, **note)  # type: ignore[arg-type]
        case "looked: in sync":
            return looked(row, InSync(), THERE, now)
        case "looked: drifted":
            return looked(row, DRIFT, THERE, now)
        case "looked: newer":
            return looked(row, NEWER, THERE, now)
        case "looked: on its way":
            return looked(row, OnItsWay(), THERE, now)
        case "the node refuses for good":
            return refused(row, 1, FailureCause.TESTS_FAILED, "no")
        case "adopted by an operator":
            return adopted(row, ARTIFACT, WANT.delivery_id, START)
        case "overwritten by an operator":
            return overwritten(row, WANT, "dlv_" + "2" * 32, now)
        case "a later delivery is verified":
            return Step(ROW)
    raise AssertionError(f"no test knows the line {event!r}")


def table() -> list[tuple[str, DriftState, str]]:
    """The docstring's table as event, state, outcome."""
    lines = [line.strip("|").split("|") for line in (drift.__doc__ or "").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line] for line in lines]
    states = [DriftState(name) for name in cells[0][1:]]
    return [
        (line[0], state, outcome.strip("`"))
        for line in cells[2:]
        for state, outcome in zip(states, line[1:], strict=True)
    ]


@pytest.mark.parametrize(("event", "state", "outcome"), table())
def test_every_cell_of_the_table(event: str, state: DriftState, outcome: str) -> None:
    """The page and the code would tell two stories."""
    if outcome == "-":
        return
    row = row_in(state)
    step = happens(event, row)
    assert step.row is not None
    match outcome:
        case "look now":
            assert (step.row.state, step.row.look_at) == (state, START + timedelta(days=1))
        case "stays" | "see below":
            assert step.row.state is state
        case _:
            assert step.row.state is DriftState(outcome)


def test_every_state_but_a_quiet_one_has_a_time_or_waits_for_the_node() -> None:
    """A row without a timer that nobody observes again would be stuck."""
    for state, event in product(DriftState, {line[0] for line in table()}):
        if state in (DriftState.IN_SYNC, DriftState.SUSPECTED) and "operator" in event:
            continue
        after = happens(event, row_in(state)).row
        assert after is not None
        assert after.state is not DriftState.SUSPECTED or after.look_at is not None


def repaired(row: Desired, at: datetime, there: Circumstances = THERE) -> Step:
    """A look that finds the script gone."""
    return looked(row, DRIFT, there, at)


def test_repairs_are_bounded_spaced_and_end_given_up_with_the_reason() -> None:
    """A script that a node cannot keep would be sent to it for ever."""
    row, now, sent = replace(ROW, state=DriftState.SUSPECTED, since=START), START, []
    for _ in range(3 * MOST_REPAIRS):
        step = repaired(row, now)
        assert step.row is not None
        row = step.row
        if step.order:
            sent.append(now)
            assert row.want is not None and row.want.attempt == 1 + len(sent)
        if row.look_at is None:
            break
        now = row.look_at
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(sent)]
    assert waits == [10.0 * 2**number for number in range(MOST_REPAIRS - 1)]
    assert (row.state, row.repairs, step.news) == (DriftState.GIVEN_UP, MOST_REPAIRS, DriftNews.GIVEN_UP)
    assert "10 repairs did not help" in (row.reason or "")
    again = repaired(row, now + timedelta(days=30))
    assert again.row == row and not again.order and again.news is None


def test_a_file_that_comes_back_wrong_again_and_again_is_not_fought_over_for_ever() -> None:
    """A tool on the node that restores its own version would be answered for ever, at full speed."""
    row, now, orders = ROW, START, 0
    for _ in range(10_000):
        note = noted(row, OTHER_DRIFT, now, settle=SETTLE, came_online=False)
        assert note.row is not None
        step = looked(note.row, OTHER_DRIFT, THERE, now)
        assert step.row is not None
        row, orders = step.row, orders + step.order
        if step.order:
            back = noted(row, InSync(), now, settle=SETTLE, came_online=False)
            assert back.row is not None
            row = back.row
        now += timedelta(seconds=30)
    assert orders == MOST_REPAIRS and row.state is DriftState.GIVEN_UP


def test_what_is_given_up_is_taken_up_again_when_something_else_is_found_after_a_calm_time() -> None:
    """An operator who has freed the disk would have to come back and say so."""
    row = replace(row_in(DriftState.GIVEN_UP), repairs=MOST_REPAIRS, repair_after=START)
    assert not looked(row, OTHER_DRIFT, THERE, START + CALM / 2).order
    step = looked(row, OTHER_DRIFT, THERE, START + CALM)
    assert step.order and step.row is not None and step.row.repairs == 1


@pytest.mark.parametrize(
    ("row", "there"),
    [
        (ROW, replace(THERE, online=False)),
        (ROW, replace(THERE, busy=True)),
        (replace(ROW, repair_after=START + timedelta(seconds=1)), THERE),
        (replace(ROW, want=replace(WANT, policy=DriftPolicy.REPORT)), THERE),
    ],
)
def test_it_is_shown_and_not_repaired_when_it_cannot_or_shall_not_be(row: Desired, there: Circumstances) -> None:
    """An absent node would be flooded, a rollout be undone, a policy be ignored."""
    step = repaired(replace(row, state=DriftState.SUSPECTED, since=START), START, there)
    assert step.row is not None
    assert (step.order, step.news, step.row.state) == (False, DriftNews.FOUND, DriftState.DRIFTED)


def test_a_drifted_row_is_looked_at_when_its_node_comes_online() -> None:
    """Otherwise a node that comes back broken would stay so."""
    step = noted(row_in(DriftState.DRIFTED), DRIFT, LATER, settle=SETTLE, came_online=True)
    assert step.row is not None and step.row.look_at == LATER


def test_a_refusal_counts_only_for_the_present_attempt_and_a_retryable_one_is_tried_again() -> None:
    """A late report of an old attempt would end a repair that is on its way."""
    row = replace(row_in(DriftState.DRIFTED), want=replace(WANT, attempt=3))
    assert refused(row, 2, FailureCause.TESTS_FAILED, "no") == Step(row)
    full = refused(row, 3, FailureCause.STORAGE_FAILED, "disk full").row
    assert full is not None and (full.state, full.heard) == (DriftState.DRIFTED, "disk full")
    ended = refused(row, 3, None, "version 9, ordered later, stands")
    assert ended.news is DriftNews.GIVEN_UP and ended.row is not None and "ordered later" in (ended.row.reason or "")


def test_overwriting_is_an_order_that_is_later_than_what_the_node_has() -> None:
    """The node would refuse it as overtaken."""
    ahead = replace(row_in(DriftState.NEWER), found=has(OTHER_HASH, LATER))
    step = overwritten(ahead, WANT, "dlv_" + "2" * 32, START)
    assert step.row is not None and step.row.want is not None and step.row.want.ordered_at > LATER
    insisted = replace(step.row, want=replace(step.row.want, policy=DriftPolicy.REPORT))
    finding = compared(insisted, has(OTHER_HASH, LATER), None, known=False)
    assert isinstance(finding, Drifted) and looked(insisted, finding, THERE, START).order


def test_the_page_names_every_state_and_kind_and_its_numbers() -> None:
    """An operator would look up a word that is not there."""
    page = (Path(__file__).parents[3] / "docs" / "drift.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip(" `") for line in page.splitlines() if line.startswith("| `")]
    assert rows == [state.value for state in DriftState]
    assert all(f"| `{kind.value}` |" in page for kind in DriftKind)
    assert (SETTLE.total_seconds(), MOST_REPAIRS, CALM) == (15, 10, timedelta(hours=1))
    assert "15 seconds later" in page and "**Ten times.**" in page and "less than an hour" in page
