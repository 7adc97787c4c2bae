"""Account changes on their way in: which are new, and which of them may touch an account's row.

Every change is kept once in the node's history, by its ledger and number. The row of its account takes the newest
one, unless the account has been removed since: a node that has judged a later beat and has no such row has let the
account go, and an old change must not bring it back.
"""

from collections.abc import Mapping, Sequence

from services.registry.domain.accounts import AccountGroup
from services.registry.domain.node import StoredNode
from shared.contracts.accounts import AccountChanged


def unrecorded(nodes: Mapping[str, StoredNode], changes: Sequence[AccountChanged]) -> list[AccountChanged]:
    """The changes that are not known to be in the history already, each once, in the order of their numbers."""
    news: dict[tuple[str, str, int], AccountChanged] = {}
    for change in changes:
        node = nodes[change.node_id]
        if change.ledger_id != node.ledger_id or change.number > node.changes_through:
            news[(change.node_id, change.ledger_id, change.number)] = change
    return sorted(news.values(), key=_origin)


def newest_rows(
    nodes: Mapping[str, StoredNode], changes: Sequence[AccountChanged], known: set[tuple[str, str]]
) -> list[AccountGroup]:
    """One row for each account; `known` are the (node_id, account_id) that have a row."""
    newest: dict[tuple[str, str], AccountChanged] = {}
    for change in sorted(changes, key=_origin):
        node, key = nodes[change.node_id], (change.node_id, change.account.account_id)
        if key in known or (change.boot, change.seq) >= (node.boot, node.seq):
            newest[key] = change
    return [
        AccountGroup(change.node_id, change.boot, change.seq, [change.account], change.number)
        for change in newest.values()
    ]


def _origin(change: AccountChanged) -> tuple[int, int, int]:
    return (change.boot, change.seq, change.number)
