"""What `bind` in an order means: which account of a node plays which script, one at a time.

The node keeps its bindings by these rules, and the deployer keeps by the same rules what it has ordered.
`EVERYONE` stands for all accounts of the node, present and future, that have no binding of their own. An order
that binds a script says from now on who plays it: those that played it and are not named stop.
"""

from collections.abc import Mapping
from typing import Literal

EVERYONE = "*"

Bind = Literal["all"] | list[str] | None
Bindings = Mapping[str, str]


def rebound(bindings: Bindings, script_id: str, bind: str | list[str] | None) -> dict[str, str]:
    """The bindings after an order with `bind` (null, `"all"` or account ids) for the script."""
    if bind is None:
        return dict(bindings)
    if isinstance(bind, str):
        return {EVERYONE: script_id}
    others = {account: script for account, script in bindings.items() if script != script_id}
    return others | dict.fromkeys(bind, script_id)


def released(bindings: Bindings, script_id: str) -> dict[str, str]:
    """The bindings after the script was removed: who played it plays nothing."""
    return {account: script for account, script in bindings.items() if script != script_id}


def undone(before: Bindings, after: Bindings, now: Bindings) -> dict[str, str]:
    """The bindings now without what an order changed; an account that got another order since keeps what it has."""
    bindings = dict(now)
    for account in before.keys() | after.keys():
        if before.get(account) == after.get(account) or now.get(account) != after.get(account):
            continue
        if account in before:
            bindings[account] = before[account]
        else:
            bindings.pop(account, None)
    return bindings


def script_of(bindings: Bindings, account_id: str) -> str | None:
    """The script that the account plays, or None."""
    return bindings.get(account_id) or bindings.get(EVERYONE)
