"""Which node runs an account: one row for each account, and what may happen to it.

| event                                                     | no row       | unassigned | assigned     | releasing    |
| --------------------------------------------------------- | ------------ | ---------- | ------------ | ------------ |
| a node reports it in its folder, where it may be claimed  | `assigned`   | `assigned` | stays        | stays        |
| a node reports it in its folder, the vault's or another's | –            | stays      | stays        | stays        |
| a node reports it in a higher epoch                       | `assigned`   | `assigned` | `assigned`   | `assigned`   |
| ordered to the node that has it                           | –            | –          | stays        | `releasing`  |
| ordered to another node                                   | refused      | `assigned` | `releasing`  | `releasing`  |
| ordered to no node                                        | refused      | stays      | `releasing`  | `releasing`  |
| its node has given it back, another one waits             | –            | –          | stays        | `assigned`   |
| its node has given it back, nobody waits                  | –            | –          | stays        | `unassigned` |
| its node has given it back, its login is nowhere          | –            | –          | stays        | `unassigned` |
| … in epoch 0, its login is nowhere                        | –            | –          | stays        | `no row`     |
| its node's lease is over, another one waits               | –            | –          | stays        | `assigned`   |
| its node's lease is over, nobody waits                    | –            | –          | stays        | `unassigned` |
| its node's lease is over, its login is only there         | –            | –          | stays        | stays        |
| … and the node is cut off for good, in epoch 0            | –            | –          | stays        | `no row`     |
| its login left the folder of its node                     | –            | stays      | `releasing`  | stays        |
| … of a node that goes by no sets, the vault has it too    | –            | stays      | `unassigned` | stays        |
| … of a node that goes by no sets, the vault has it not    | –            | stays      | `no row`     | stays        |
| the vault has a login, or a newer state of it             | `unassigned` | stays      | stays        | stays        |
| another version of its login was chosen                   | `unassigned` | stays      | `releasing`  | stays        |
| the vault has its login no more, it was never assigned    | stays        | `no row`   | –            | –            |
| the vault has its login no more                           | –            | stays      | `releasing`  | `releasing`  |

`assigned` and `releasing` have a node, which may be running the account; the other two have none. A row goes from one
node to another only through `releasing`, and never from `releasing` back to `assigned` in the same epoch: a change of
mind changes the target, and the node that gave the account back gets it again in the next epoch. The one exception is a
database that was restored from an older copy: what nodes have in a higher epoch than the row's is learnt from them.

The two ways out of `releasing` are the node's own word and the end of its lease, whichever comes first. The word counts
only in a beat that goes by a set in which the account is to be given back (`told_in`), so a word that was meant for an
earlier tenure is not taken for this one. Epoch 0 is a login of a node's own session folder. A row is forgotten only in
epoch 0: the numbers of the others must go on, or an order of long ago would be valid again. Pure; no reason here names
anything but nodes, versions and what helps.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.contracts.assignments import AssignedAccount, AssignmentState

# No node was ever told a higher one; from here on there is room for as many changes as anybody can make.
HIGHEST_EPOCH = 2**48

UNASSIGNED, ASSIGNED, RELEASING = AssignmentState.UNASSIGNED, AssignmentState.ASSIGNED, AssignmentState.RELEASING


class Origin(StrEnum):
    """Where the login comes from: the vault, or the session folder of a node, which may claim it."""

    VAULT = "vault"
    FOLDER = "folder"


class Takeover(StrEnum):
    """What happens to an account whose node is dead: it waits for the node, or moves to another one."""

    WAIT = "wait"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One row. `node_id` has the account in `epoch`; `target` gets it in the next one.

    `handed_back` names the login's state that the last node handed back, until the vault is known to have it;
    `in_vault` the vault's current version as of `vault_at`. `told_in` is the revision of the node's set that its entry
    came with. `adopted`: this epoch was learnt from the node, so no login is sent for it. `silent_before` only rises:
    what Telegram dates up to then may have been answered with a newer state of the login than the vault has.
    """

    account_id: str
    state: AssignmentState = UNASSIGNED
    epoch: int = 0
    node_id: str | None = None
    target: str | None = None
    origin: Origin = Origin.FOLDER
    handed_back: str | None = None
    in_vault: str | None = None
    vault_at: datetime | None = None
    told_in: int = 0
    adopted: bool = False
    silent_before: datetime | None = None
    takeover: Takeover | None = None
    reason: str | None = None
    since: datetime | None = None

    @property
    def entry(self) -> AssignedAccount | None:
        """What the set of its node has of it."""
        if self.node_id is None:
            return None
        release = self.state is RELEASING
        return AssignedAccount.model_construct(
            account_id=self.account_id, epoch=self.epoch, release=release, silent_before=self.silent_before
        )

    @property
    def claimable(self) -> bool:
        """Whether a node that has the login in its folder may have it."""
        return self.state is UNASSIGNED and self.origin is Origin.FOLDER

    @property
    def has_login(self) -> bool:
        """Whether a node that is assigned the account can be sent its login, now or soon."""
        return self.in_vault is not None or self.handed_back is not None


@dataclass(frozen=True, slots=True)
class Reported:
    """A node reports the account, in this epoch; 0: in its session folder."""

    node_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Ordered:
    """Somebody, or a job, wants it on this node; on none with None."""

    node_id: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The node has disconnected it and will not start it in this epoch again; it went by the set of this revision.

    `heard_until`: what it has heard until then may be news to the state that it handed back.
    """

    node_id: str
    epoch: int
    revision: int
    session_hash: str | None = None
    heard_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LeaseOver:
    """The node's lease, which covers every grant, ended longer ago than clocks can differ.

    `cut_off`: the node has no keys, or none any more, so whatever it has will never be handed over. `until` is when the
    clocks of everybody agreed that it was over: what was said after it was not said by the node.
    """

    node_id: str
    cut_off: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LeftFolder:
    """The node has the login in its folder no more. `gives_back`: it goes by sets, so it says when it has let go."""

    node_id: str
    gives_back: bool = True


@dataclass(frozen=True, slots=True)
class Stored:
    """The vault's current version is this; `chosen`: somebody chose it, so that it must be started with."""

    hash: str
    at: datetime
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Removed:
    """The vault has no login of the account any more."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Waived:
    """The state that the last node handed back did not come in time: the vault's version will do."""


Event = Reported | Ordered | GivenBack | LeaseOver | LeftFolder | Stored | Removed | Waived


@dataclass(frozen=True, slots=True)
class Moved:
    """The row as it is now; None: there is none any more. `change` is told to everyone, unless it is None."""

    after: Assignment | None
    change: str | None = None


@dataclass(frozen=True, slots=True)
class Stays:
    """The event changes nothing."""


@dataclass(frozen=True, slots=True)
class BelongsElsewhere:
    """The node that reports a login in its folder may not run it: another one has it, or the vault."""

    node_id: str | None


@dataclass(frozen=True, slots=True)
class Unassignable:
    """The order cannot be carried out; `reason` says why and what helps."""

    slug: str
    reason: str


WAITS = "its login is in the vault: assign it to a node"

Outcome = Moved | Stays | BelongsElsewhere | Unassignable

STAYS = Stays()


def moved(row: Assignment | None, account_id: str, event: Event, now: datetime) -> Outcome:
    """What the table above says."""
    match event:
        case Reported(node_id, 0):
            return _in_a_folder(row or Assignment(account_id), node_id, now)
        case Reported(node_id, epoch):
            return _adopted(row or Assignment(account_id), node_id, epoch, now)
        case Stored():
            return _stored(row, account_id, event, now)
        case Ordered() if row is None:
            return Unassignable("unknown-account", f"nobody has a login of {account_id!r}: upload it first")
        case _ if row is None:
            return STAYS
        case Ordered(node_id, reason):
            return _recalled(row, reason, now) if node_id is None else _ordered(row, node_id, reason, now)
        case GivenBack(node_id, epoch, revision, session_hash, heard_until):
            meant = (row.state, row.node_id, row.epoch) == (RELEASING, node_id, epoch) and revision >= row.told_in
            return _passed_on(_silenced(row, heard_until), session_hash, None, now) if meant else STAYS
        case LeaseOver(node_id, cut_off, until):
            over = (row.state, row.node_id) == (RELEASING, node_id) and (row.in_vault is not None or cut_off)
            reason = f"node {node_id} fell silent, so it goes on with the state that the vault has"
            # What the vault has is claimed from no folder: its node may have given it back, and never starts it again.
            origin = row.origin if row.in_vault is None else Origin.VAULT
            return _passed_on(_silenced(replace(row, origin=origin), until), None, reason, now) if over else STAYS
        case LeftFolder(node_id, gives_back):
            left = (row.state, row.node_id, row.epoch) == (ASSIGNED, node_id, 0)
            return _left(row, gives_back, now) if left else STAYS
        case Removed(at):
            return _removed(row, at, now)
        case Waived():
            return _waived(row)


def _in_a_folder(row: Assignment, node_id: str, now: datetime) -> Outcome:
    if row.claimable:
        return _to(row, now, ASSIGNED, "assigned", node_id=node_id, reason=None)
    return STAYS if row.node_id == node_id else BelongsElsewhere(row.node_id)


def _adopted(row: Assignment, node_id: str, epoch: int, now: datetime) -> Outcome:
    if not row.epoch < epoch <= HIGHEST_EPOCH:
        return STAYS
    reason = f"learnt from node {node_id}: this database is older than the assignment. To confirm it, assign it again"
    row = replace(row, origin=Origin.VAULT, epoch=epoch, node_id=node_id, target=None, adopted=True)
    return _to(row, now, ASSIGNED, "assigned", reason=reason)


def _ordered(row: Assignment, node_id: str, reason: str | None, now: datetime) -> Outcome:
    match row.state:
        case AssignmentState.UNASSIGNED if not row.has_login:
            why = f"there is no login of {row.account_id!r} in the vault: upload it first"
            return Unassignable("no-login", why)
        case AssignmentState.UNASSIGNED:
            return _started(row, node_id, reason, now)
        case AssignmentState.ASSIGNED if row.node_id == node_id and not row.adopted:
            return STAYS
        case AssignmentState.ASSIGNED:
            return _to(row, now, RELEASING, "releasing", target=node_id, reason=reason)
        case AssignmentState.RELEASING if row.target == node_id:
            return STAYS
        case AssignmentState.RELEASING:
            return Moved(replace(row, target=node_id, reason=reason), "releasing")


def _recalled(row: Assignment, reason: str | None, now: datetime) -> Outcome:
    match row.state:
        case AssignmentState.UNASSIGNED:
            return STAYS
        case AssignmentState.ASSIGNED:
            return _to(row, now, RELEASING, "releasing", target=None, reason=reason)
        case AssignmentState.RELEASING if row.target is None:
            return STAYS
        case AssignmentState.RELEASING:
            return Moved(replace(row, target=None, reason=reason), "releasing")


def _passed_on(row: Assignment, session_hash: str | None, reason: str | None, now: datetime) -> Outcome:
    """Its node lives with it no more: the only way to another node, or to none."""
    # A node that never got the login says nothing of it: what was handed back before it is still on its way.
    newest = session_hash or row.handed_back
    # A folder's login that was handed back is the vault's from now on; one that is gone may be claimed elsewhere.
    origin = row.origin if session_hash is None and row.target is None else Origin.VAULT
    row = replace(row, handed_back=None if newest == row.in_vault else newest, origin=origin)
    if not row.has_login:
        reason = f"node {row.node_id} gave it back without a login, and the vault has none: upload it"
        return Moved(None, "released") if row.epoch == 0 else _ended(row, reason, now)
    if row.target is None:
        return _ended(row, reason or row.reason or WAITS, now)
    return _started(row, row.target, reason, now)


def _started(row: Assignment, node_id: str, reason: str | None, now: datetime) -> Moved:
    row = replace(row, epoch=row.epoch + 1, node_id=node_id, target=None, origin=Origin.VAULT, adopted=False)
    return _to(row, now, ASSIGNED, "assigned", reason=reason)


def _ended(row: Assignment, reason: str | None, now: datetime) -> Moved:
    row = replace(row, node_id=None, target=None, adopted=False)
    return _to(row, now, UNASSIGNED, "released", reason=reason)


def _left(row: Assignment, gives_back: bool, now: datetime) -> Moved:
    reason = f"its login is no more in the session folder of node {row.node_id}"
    if gives_back:
        # The file may be back already, and started: only the node's own word says that it is not.
        return _to(row, now, RELEASING, "releasing", target=None, reason=reason)
    return Moved(None, "released") if row.in_vault is None else _ended(row, reason, now)


def _stored(row: Assignment | None, account_id: str, event: Stored, now: datetime) -> Outcome:
    if row is None:
        new = Assignment(account_id, origin=Origin.VAULT, in_vault=event.hash, vault_at=event.at)
        return _to(new, now, UNASSIGNED, "announced", reason=WAITS)
    if row.vault_at is not None and event.at <= row.vault_at:
        return STAYS
    come_in = event.chosen or row.handed_back == event.hash
    row = replace(row, in_vault=event.hash, vault_at=event.at, handed_back=None if come_in else row.handed_back)
    if event.chosen and row.state is ASSIGNED:
        return _to(
            row, now, RELEASING, "releasing", target=row.node_id, reason="another version of its login was chosen"
        )
    return Moved(row)


def _removed(row: Assignment, at: datetime, now: datetime) -> Outcome:
    if row.vault_at is None or at <= row.vault_at:
        return STAYS
    row = replace(row, in_vault=None, vault_at=at)
    if row.origin is Origin.FOLDER and row.node_id is not None:
        return Moved(row)  # the node's own file is what it runs
    reason = "its login was removed from the vault"
    match row.state:
        case AssignmentState.UNASSIGNED if row.epoch == 0:
            return Moved(None, "released")
        case AssignmentState.UNASSIGNED:
            return Moved(replace(row, handed_back=None, reason=reason))
        case AssignmentState.ASSIGNED:
            return _to(row, now, RELEASING, "releasing", target=None, reason=reason)
        case AssignmentState.RELEASING:
            return Moved(replace(row, target=None, reason=reason), "releasing")


def _waived(row: Assignment) -> Outcome:
    if row.handed_back is None or row.in_vault is None:
        return STAYS  # without it there is nothing that it could start with
    reason = "the state that the node before handed back did not come in time: it starts with the vault's version"
    # It gave the account back before it was assigned anew.
    return Moved(replace(_silenced(row, row.since), handed_back=None, reason=reason))


def _silenced(row: Assignment, until: datetime | None) -> Assignment:
    """What the vault has may be older than what the last node has answered until then."""
    times = [each for each in (row.silent_before, until) if each is not None]
    return replace(row, silent_before=max(times, default=None))


def _to(row: Assignment, now: datetime, state: AssignmentState, change: str, **fields: object) -> Moved:
    return Moved(replace(row, state=state, since=now, **fields), change)  # type: ignore[arg-type]  # its own fields
