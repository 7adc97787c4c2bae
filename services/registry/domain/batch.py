"""A batch of heartbeats, judged and collapsed into what has to be written. Pure: the use case carries it out.

Several beats of one node are judged in the order of `(boot, seq)`, each on the node that the one before left. A later
beat's word about an account replaces an earlier one's, so that an account is written once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.registry.domain.accounts import AccountGroup, FullReport, Removal
from services.registry.domain.judgement import Apply, NeedsFull, Stale, Verdict, advanced, judge
from services.registry.domain.node import StoredNode
from shared.contracts.accounts import AccountReport
from shared.contracts.heartbeats import HeartbeatReported

_NO_WORD: dict[str, object] = {"assignments": None, "released": [], "wanting": []}


@dataclass(slots=True)
class Batch:
    """What the beats come to. `verdicts` are in the order of the beats that were given."""

    verdicts: list[Verdict]
    before: Mapping[str, StoredNode]
    after: dict[str, StoredNode] = field(default_factory=dict)
    groups: list[AccountGroup] = field(default_factory=list)
    removals: list[Removal] = field(default_factory=list)
    full: list[FullReport] = field(default_factory=list)

    @property
    def new_ledgers(self) -> list[str]:
        """Nodes that now count their changes in another ledger than before."""
        return [node_id for node_id, node in self.after.items() if node.ledger_id != self.before[node_id].ledger_id]

    def renewed(self, beats: Sequence[HeartbeatReported]) -> set[str]:
        """Nodes that are granted a lease although no beat of theirs in this batch was news: the rows must cover it."""
        verdicts = zip(beats, self.verdicts, strict=True)
        return {beat.node_id for beat, verdict in verdicts if isinstance(verdict, Stale)} - self.after.keys()

    def hold(self, node_ids: Iterable[str]) -> None:
        """Take in which nodes have started on another machine, while the one before may be running still."""
        for node_id in node_ids:
            self.after[node_id] = replace(self.after[node_id], held=True)

    def newest(self, beats: Sequence[HeartbeatReported]) -> list[HeartbeatReported]:
        """The newest of `beats`, which are this batch's, of each node for which it was news.

        What a held node says of its assignments is not the node's word, so it is left out.
        """
        found: dict[str, HeartbeatReported] = {}
        for beat, verdict in zip(beats, self.verdicts, strict=True):
            node = self.after.get(beat.node_id)
            if isinstance(verdict, (Apply, NeedsFull)) and node and (beat.boot, beat.seq) == (node.boot, node.seq):
                found[beat.node_id] = beat.model_copy(update=_NO_WORD) if node.held else beat
        return list(found.values())

    def confirm_changes(self, through: Mapping[str, int]) -> None:
        """Take in how far the store has the changes of nodes with a new ledger."""
        for node_id, number in through.items():
            self.after[node_id] = replace(self.after[node_id], changes_through=number)

    @property
    def nodes(self) -> dict[str, StoredNode]:
        """All nodes that are locked for the batch, after it."""
        return {**self.before, **self.after}

    def node(self, node_id: str) -> StoredNode:
        """The node after the batch."""
        return self.after.get(node_id) or self.before[node_id]


@dataclass(slots=True)
class _Told:
    """What the beats of one node say of its accounts, the newest word last."""

    reports: dict[str, tuple[int, AccountReport]] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    full_seq: int | None = None
    boot: int = 0

    def hear(self, beat: HeartbeatReported) -> None:
        if beat.full:
            self.reports, self.removed, self.full_seq = {}, {}, beat.seq
        self.boot = beat.boot
        for account_id in beat.removed:
            self.reports.pop(account_id, None)
            self.removed[account_id] = beat.seq
        for report in beat.changed:
            self.reports[report.account_id] = (beat.seq, report)
            self.removed.pop(report.account_id, None)


def judged(before: Mapping[str, StoredNode], beats: Sequence[HeartbeatReported]) -> Batch:
    """The batch; `before` has every node of the beats."""
    batch = Batch([Apply()] * len(beats), before)
    told: dict[str, _Told] = {}
    for position in sorted(range(len(beats)), key=lambda each: (beats[each].boot, beats[each].seq)):
        beat = beats[position]
        node = batch.node(beat.node_id)
        verdict = batch.verdicts[position] = judge(node, beat)
        if isinstance(verdict, (Apply, NeedsFull)):
            batch.after[beat.node_id] = advanced(node, beat, verdict)
        if isinstance(verdict, Apply):
            told.setdefault(beat.node_id, _Told()).hear(beat)
    for node_id, words in told.items():
        _collapse(batch, node_id, words)
    return batch


def _collapse(batch: Batch, node_id: str, words: _Told) -> None:
    by_seq: dict[int, list[AccountReport]] = {}
    for seq, report in words.reports.values():
        by_seq.setdefault(seq, []).append(report)
    batch.groups += [AccountGroup(node_id, words.boot, seq, reports) for seq, reports in by_seq.items()]
    batch.removals += [Removal(node_id, account_id, words.boot, seq) for account_id, seq in words.removed.items()]
    if words.full_seq is not None:
        batch.full.append(FullReport(node_id, words.boot, words.full_seq))
