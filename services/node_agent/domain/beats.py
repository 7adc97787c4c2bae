"""What a heartbeat says: the difference between what the accounts are now and what the registry has confirmed.

Every change of a report gets the next revision. A beat carries what was touched since the revision of the last
beat that a lease confirmed, and the digest of that beat as its base; without a confirmed beat, or when a full
report was asked for, it carries everything. Applying a beat on its base therefore always gives the state that
`digest` names, whatever beats or grants were lost between. Pure; the heartbeat job and the lease call it.
"""

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass

from services.node_agent.domain.lease import MOST_BEATS
from shared.contracts.accounts import AccountReport


@dataclass(frozen=True)
class Beat:
    """The account part of a heartbeat."""

    seq: int
    full: bool
    base_digest: str | None
    digest: str
    account_count: int
    changed: tuple[AccountReport, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class _Sent:
    seq: int
    revision: int
    digest: str


def digest_of(reports: dict[str, AccountReport]) -> str:
    """The name of a whole state: BLAKE2b, 16 bytes, of the reports' canonical JSON in the order of their ids."""
    plain = [reports[account_id].model_dump(mode="json") for account_id in sorted(reports)]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Beats:
    """The reports of all accounts, and the beats of this boot."""

    def __init__(self) -> None:
        self.seq = 0
        self._reports: dict[str, AccountReport] = {}
        self._revision = 0
        self._touched: dict[str, int] = {}
        self._removed: dict[str, int] = {}
        self._sent: OrderedDict[int, _Sent] = OrderedDict()
        self._confirmed: _Sent | None = None
        self._answered = 0
        self._digest: str | None = None

    def put(self, report: AccountReport) -> None:
        """An account is like this now."""
        if self._reports.get(report.account_id) == report:
            return
        self._revision += 1
        self._reports[report.account_id] = report
        self._touched[report.account_id] = self._revision
        self._removed.pop(report.account_id, None)
        self._digest = None

    def remove(self, account_id: str) -> None:
        """An account is no longer on this node."""
        if self._reports.pop(account_id, None) is None:
            return
        self._revision += 1
        del self._touched[account_id]
        self._removed[account_id] = self._revision
        self._digest = None

    def next(self) -> Beat:
        """The next beat, remembered so that a grant for it is understood."""
        self.seq += 1
        if self._digest is None:
            self._digest = digest_of(self._reports)
        sent = _Sent(self.seq, self._revision, self._digest)
        self._sent[self.seq] = sent
        while len(self._sent) > MOST_BEATS:
            self._sent.popitem(last=False)
        base = self._confirmed
        since = base.revision if base else -1
        return Beat(
            seq=self.seq,
            full=base is None,
            base_digest=base.digest if base else None,
            digest=self._digest,
            account_count=len(self._reports),
            changed=tuple(self._reports[each] for each, revision in self._touched.items() if revision > since),
            removed=tuple(each for each, revision in self._removed.items() if base and revision > since),
        )

    def confirm(self, seq: int, *, full_report: bool) -> None:
        """A lease for the beat `seq` came: the registry has its state, or could not build on it and wants all.

        An answer to a beat older than the one answered last says nothing new, in either case.
        """
        beat = self._sent.get(seq)
        if beat is None or seq <= self._answered:
            return
        self._answered = seq
        if full_report:
            self._confirmed = None
            return
        self._confirmed = beat
        self._removed = {each: revision for each, revision in self._removed.items() if revision > beat.revision}
