"""Who reports: the node, its ledger, and this start of its agent.

`ledger_id` is another one after the ledger was lost; `boot` rises with every start, in unix microseconds.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """The ledger's id and this start's number."""

    ledger_id: str
    boot: int
