"""Everything that may happen to an assignment, with rows in every state for it to happen to."""

from dataclasses import replace
from datetime import timedelta

from services.registry.domain.assignments import (
    ASSIGNED,
    RELEASING,
    Assignment,
    Event,
    GivenBack,
    LeaseOver,
    LeftFolder,
    Ordered,
    Origin,
    Removed,
    Reported,
    Stored,
)
from tests.unit.registry.builders import AT

HASH, OLDER, NEWER = ("sha256:" + digit * 64 for digit in "abc")
SOON = AT + timedelta(seconds=5)

UNCLAIMED = Assignment("a")
IN_FOLDER = Assignment("a", ASSIGNED, node_id="n")
LEAVING_FOLDER = replace(IN_FOLDER, state=RELEASING)
IN_VAULT = Assignment("a", epoch=3, origin=Origin.VAULT, in_vault=HASH, vault_at=AT)
RUNS = replace(IN_VAULT, state=ASSIGNED, node_id="n")
LEAVING = replace(RUNS, state=RELEASING)
MOVING = replace(LEAVING, target="m")


def without(row: Assignment) -> Assignment:
    """The row of an account whose login the vault does not have."""
    return replace(row, in_vault=None)


# For each event of the table: the event, then a row that it says something of, for each column; None: it says nothing.
EVENTS: dict[str, tuple[Event, Assignment | None, Assignment | None, Assignment | None]] = {
    "a node reports it in its folder, where it may be claimed": (Reported("o", 0), UNCLAIMED, IN_FOLDER, MOVING),
    "a node reports it in its folder, the vault's or another's": (Reported("o", 0), IN_VAULT, RUNS, MOVING),
    "a node reports it in a higher epoch": (Reported("o", 9), IN_VAULT, RUNS, MOVING),
    "ordered to the node that has it": (Ordered("n"), None, RUNS, LEAVING),
    "ordered to another node": (Ordered("o"), IN_VAULT, RUNS, LEAVING),
    "ordered to no node": (Ordered(None), IN_VAULT, RUNS, MOVING),
    "its node has given it back, another one waits": (GivenBack("n", 3, 0, NEWER), None, RUNS, MOVING),
    "its node has given it back, nobody waits": (GivenBack("n", 3, 0, NEWER), None, RUNS, LEAVING),
    "its node has given it back, its login is nowhere": (GivenBack("n", 3, 0), None, without(RUNS), without(MOVING)),
    "… in epoch 0, its login is nowhere": (
        GivenBack("n", 0, 0),
        None,
        IN_FOLDER,
        LEAVING_FOLDER,
    ),
    "its node's lease is over, another one waits": (LeaseOver("n"), None, RUNS, MOVING),
    "its node's lease is over, nobody waits": (LeaseOver("n"), None, RUNS, LEAVING),
    "its node's lease is over, its login is only there": (LeaseOver("n"), None, IN_FOLDER, LEAVING_FOLDER),
    "… and the node is cut off for good, in epoch 0": (LeaseOver("n", cut_off=True), None, IN_FOLDER, LEAVING_FOLDER),
    "its login left the folder of its node": (LeftFolder("n"), UNCLAIMED, IN_FOLDER, LEAVING_FOLDER),
    "… of a node that goes by no sets, the vault has it too": (
        LeftFolder("n", gives_back=False),
        IN_VAULT,
        replace(IN_FOLDER, in_vault=HASH),
        replace(LEAVING_FOLDER, in_vault=HASH),
    ),
    "… of a node that goes by no sets, the vault has it not": (
        LeftFolder("n", gives_back=False),
        UNCLAIMED,
        IN_FOLDER,
        LEAVING_FOLDER,
    ),
    "the vault has a login, or a newer state of it": (Stored(NEWER, SOON), IN_VAULT, RUNS, LEAVING),
    "another version of its login was chosen": (Stored(OLDER, SOON, chosen=True), IN_VAULT, RUNS, LEAVING),
    "the vault has its login no more, it was never assigned": (Removed(SOON), replace(IN_VAULT, epoch=0), None, None),
    "the vault has its login no more": (Removed(SOON), IN_VAULT, RUNS, MOVING),
}
# Events of accounts that must have a row for them: the first column says nothing.
OF_A_ROW = {
    "a node reports it in its folder, the vault's or another's",
    "ordered to the node that has it",
    "the vault has its login no more",
    *(name for name, (event, *_) in EVENTS.items() if isinstance(event, (GivenBack, LeaseOver, LeftFolder))),
}
