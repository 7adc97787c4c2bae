"""What the registry has said about which accounts this node runs, and what follows for each account. Pure.

The registry sends the node's whole set of assignments, numbered by revisions that only rise, and names in every grant
the set that stood when it was granted. The set is in memory only: a started agent has none. An account is started in an
epoch only while the newest grant names exactly the set that the agent goes by, so a set that has changed meanwhile
starts nobody; a grant that names another one stops nobody either, because the registry moves nothing before it was
released or its lease has ended. Logins of the session folder are of epoch 0 and go the same way.

| the set   | runs in its epoch | runs in another | could start | unconfirmed | without login |
| --------- | ----------------- | --------------- | ----------- | ----------- | ------------- |
| here      | go on             | stop            | start       | wait        | want          |
| give back | stop              | stop            | release     | release     | release       |
| elsewhere | stop              | stop            | rest        | rest        | rest          |
| nothing   | stop              | stop            | rest        | rest        | rest          |
| untold    | go on             | stop            | wait        | wait        | wait          |
| free      | go on             | stop            | start       | start       | rest          |

- *here*: the set has the account in an epoch · *give back*: it has it with `release`, or the account was given back in
  this epoch before · *elsewhere*: its login in the folder belongs to another node · *nothing*: the set does not have it
- *untold*: no grant and no set of this start has said anything of sets, or grants name one and it has not come yet
- *free*: the registry assigns nothing, so the node runs its folder, as with the registries before sets
- *unconfirmed*: the newest grant names another set, or there is none · *release*: the next beats say that it is given
  back, once its newest state is on its way to the vault · *want*: the next beats ask for its login
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.contracts.assignments import (
    AssignAccounts,
    AssignedAccount,
    AssignmentSet,
    ReleasedAccount,
    assignments_digest,
)

# Of a login in the session folder, which nobody has assigned.
FOLDER_EPOCH = 0


class Says(StrEnum):
    """What the set says of an account."""

    HERE = "here"
    GIVE_BACK = "give back"
    ELSEWHERE = "elsewhere"
    NOTHING = "nothing"
    UNTOLD = "untold"
    FREE = "free"


class Condition(StrEnum):
    """How the account is on this node."""

    RUNS = "runs in its epoch"
    RUNS_OTHERWISE = "runs in another"
    COULD_START = "could start"
    UNCONFIRMED = "unconfirmed"
    NO_LOGIN = "without login"


class Verdict(StrEnum):
    """What follows."""

    GO_ON = "go on"
    STOP = "stop"
    START = "start"
    WAIT = "wait"
    WANT = "want"
    RELEASE = "release"
    REST = "rest"


_IN_THE_SET = {
    Condition.COULD_START: Verdict.START,
    Condition.UNCONFIRMED: Verdict.WAIT,
    Condition.NO_LOGIN: Verdict.WANT,
}


def verdict(says: Says, condition: Condition) -> Verdict:
    """The table."""
    if condition in (Condition.RUNS, Condition.RUNS_OTHERWISE):
        stays = condition is Condition.RUNS and says in (Says.HERE, Says.UNTOLD, Says.FREE)
        return Verdict.GO_ON if stays else Verdict.STOP
    match says:
        case Says.GIVE_BACK:
            return Verdict.RELEASE
        case Says.UNTOLD:
            return Verdict.WAIT
        case Says.HERE:
            return _IN_THE_SET[condition]
        case Says.FREE if condition is not Condition.NO_LOGIN:
            return Verdict.START
    return Verdict.REST


@dataclass(frozen=True)
class Taken:
    """The agent goes by this set from now on."""

    named: AssignmentSet


@dataclass(frozen=True)
class OlderSet:
    """The agent goes by a newer set, or by this one."""

    revision: int


_EMPTY = AssignmentSet(revision=0, digest=assignments_digest((), ()))


class Assignments:
    """The set of one start of the agent; see the module's docstring."""

    def __init__(self) -> None:
        self.named = _EMPTY
        self._rows: dict[str, AssignedAccount] = {}
        self._excluded: frozenset[str] = frozenset()
        self._told = False
        self._granted_at = 0
        self._granted: AssignmentSet | None = None
        self._given_back: dict[str, ReleasedAccount] = {}

    @property
    def confirmed(self) -> bool:
        """Whether the newest grant names the set that the agent goes by."""
        return self._granted == self.named

    @property
    def settled(self) -> bool:
        """Whether it is known which accounts this node has."""
        return self._told or self._free

    def take(self, order: AssignAccounts) -> Taken | OlderSet:
        """The registry sends the node's set."""
        if order.revision <= self.named.revision:
            return OlderSet(self.named.revision)
        digest = assignments_digest(order.accounts, order.excluded)
        self.named = AssignmentSet(revision=order.revision, digest=digest)
        self._rows = {each.account_id: each for each in order.accounts}
        self._excluded = frozenset(order.excluded)
        self._told = True
        self._given_back = {each: given for each, given in self._given_back.items() if self._still_counts(given)}
        return Taken(self.named)

    def granted(self, seq: int, named: AssignmentSet | None) -> bool:
        """The beat `seq` was granted a lease for this set; whether another set than before is news to the agent.

        Of several grants the newest beat's counts, in whatever order they come; None names no sets at all.
        """
        if seq < self._granted_at:
            return False
        known = self._granted
        if seq == self._granted_at and known is not None and (named is None or named.revision < known.revision):
            return False
        self._granted_at, self._granted = seq, named
        self._told = self._told or self.confirmed
        return named is not None and named not in (known, self.named) and named.revision >= self.named.revision

    def says(self, account_id: str) -> Says:
        """What the set says of an account."""
        row = self._rows.get(account_id)
        if row is not None:
            return Says.GIVE_BACK if row.release or self.is_given_back(account_id) else Says.HERE
        if self._free:
            return Says.FREE
        if not self._told:
            return Says.UNTOLD
        return Says.ELSEWHERE if account_id in self._excluded else Says.NOTHING

    def may_come(self, account_id: str) -> bool:
        """Whether the account may be this node's, although its crew has not found it yet."""
        return not self.settled or account_id in self._rows

    def epoch(self, account_id: str) -> int:
        """The epoch in which the node has an account: the folder's, when the set does not have it."""
        found = self._epoch_of(account_id)
        return FOLDER_EPOCH if found is None else found

    def silent_before(self, account_id: str) -> datetime | None:
        """What the account hears from until then, by Telegram's clock, may have been answered on another node."""
        row = self._rows.get(account_id)
        return None if row is None else row.silent_before

    def judge(self, account_id: str, running: int | None, *, has_login: bool) -> Verdict:
        """What follows for an account. `running` is the epoch in which it runs here, None when it does not."""
        return verdict(self.says(account_id), self._condition(account_id, running, has_login=has_login))

    def may_run(self, account_id: str, epoch: int) -> bool:
        """Whether an account that was started in this epoch goes on."""
        return self.judge(account_id, epoch, has_login=True) is Verdict.GO_ON

    def in_set(self) -> list[AssignedAccount]:
        """Every account of the set."""
        return list(self._rows.values())

    def to_give_back(self) -> list[AssignedAccount]:
        """Accounts that are to be given back and were not yet."""
        return [each for each in self._rows.values() if each.release and not self.is_given_back(each.account_id)]

    def is_given_back(self, account_id: str) -> bool:
        """Whether the account was given back in the epoch that the set has it in."""
        given = self._given_back.get(account_id)
        return given is not None and given.epoch >= self.epoch(account_id)

    def give_back(
        self, account: AssignedAccount, session_hash: str | None, heard_until: datetime | None = None
    ) -> None:
        """The account is disconnected, its newest state kept for the vault; in this epoch it is never started again."""
        self._given_back[account.account_id] = ReleasedAccount(
            account_id=account.account_id, epoch=account.epoch, session_hash=session_hash, heard_until=heard_until
        )

    def released(self) -> list[ReleasedAccount]:
        """What every beat says while the set has these accounts."""
        return [each for each in self._given_back.values() if self._epoch_of(each.account_id) == each.epoch]

    def wanting(self, has_login: Callable[[str, int], bool]) -> list[str]:
        """Accounts whose login this node lacks. Nobody can send one that is to be in the session folder."""
        return [
            each.account_id
            for each in self._rows.values()
            if each.epoch > FOLDER_EPOCH
            and self.says(each.account_id) is Says.HERE
            and not has_login(each.account_id, each.epoch)
        ]

    @property
    def _free(self) -> bool:
        return not self._told and self._granted_at > 0 and self._granted is None

    def _epoch_of(self, account_id: str) -> int | None:
        row = self._rows.get(account_id)
        return None if row is None else row.epoch

    def _still_counts(self, given: ReleasedAccount) -> bool:
        """Whether what was given back before this set came stays given back.

        A file that had gone from the folder, and was given back without a login, may be claimed again in epoch 0, and
        the set between, which did not have the account, may be lost. A login that was handed back is the vault's: no
        registry has it in that epoch again, unless its database is an older copy, which must not start it here.
        """
        row = self._rows.get(given.account_id)
        if row is None:
            return False
        claimed_again = row.epoch == FOLDER_EPOCH and not row.release and given.session_hash is None
        return not claimed_again

    def _condition(self, account_id: str, running: int | None, *, has_login: bool) -> Condition:
        if running is not None:
            return Condition.RUNS if running == self.epoch(account_id) else Condition.RUNS_OTHERWISE
        if not has_login:
            return Condition.NO_LOGIN
        return Condition.COULD_START if self._free or self.confirmed else Condition.UNCONFIRMED
