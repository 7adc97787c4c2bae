"""What an accepted order takes from other scripts, in words: an account plays one script, so this ends the other.

Read from the `takes_over` of the deployer's answer. It is told, not asked: replacing a script is often what is meant.
"""

from collections.abc import Iterator, Sequence

from services.cli.table import Record

# The deployer gives ten of them; three show what kind of overlap it is.
MOST_MESSAGES = 3
MOST_CHATS = 3
# What the deployer puts behind a message that is tried in another way, and what it calls that which is no message.
_HOWS = (" (in a mention)", " (in a reply)")
_NEWCOMER = "(somebody joins)"


def sentences(answer: Record) -> Iterator[str]:
    """One sentence for each script that loses accounts."""
    for takeover in answer.get("takes_over") or []:
        other = str(takeover.get("script_id"))
        both = _both(takeover.get("same_messages") or [])
        yield f"{answer.get('script_id')} takes {_accounts(takeover, other)}" + (f"; {both}" if both else "")


def overlaps(answer: Record) -> Iterator[str]:
    """One sentence for each script with messages that both would answer; a plan's table tells of the accounts."""
    for takeover in answer.get("takes_over") or []:
        both = _both(takeover.get("same_messages") or [])
        if both:
            yield f"{answer.get('script_id')} and {takeover.get('script_id')}: {both}"


def _accounts(takeover: Record, other: str) -> str:
    nodes = takeover.get("nodes") or []
    count = int(takeover.get("node_count") or len(nodes))
    if count > len(nodes):
        return f"accounts on {_counted(count, 'node')} from {other}"
    whole = sum(node.get("accounts") == "all" for node in nodes)
    named = [node["accounts"] for node in nodes if node.get("accounts") != "all"]
    parts = []
    if whole:
        parts.append(f"every account that plays {other} on {_counted(whole, 'node')}")
    if named:
        # Accounts that were named for every node, and not looked up, are listed under each.
        accounts = len({account for names in named for account in names})
        parts.append(f"{_counted(accounts, 'account')} on {_counted(len(named), 'node')} from {other}")
    return " and ".join(parts)


def _both(overlaps: Sequence[Record]) -> str:
    if not overlaps:
        return ""
    messages = [_message(str(one.get("message"))) for one in overlaps]
    told = _listed(messages, MOST_MESSAGES)
    chats = list(dict.fromkeys(str(chat) for one in overlaps for chat in one.get("chats") or []))
    return f"both would answer {told} in {_listed(chats, MOST_CHATS)}"


def _message(message: str) -> str:
    """`hello (in a mention)` is a message and how it is said; brackets of any other kind are the guest's own."""
    if message == _NEWCOMER:
        return message.strip("()")
    how = next((each for each in _HOWS if message.endswith(each)), "")
    return f"“{message.removesuffix(how)}”" + how.replace("(", "").replace(")", "")


def _listed(things: Sequence[str], most: int) -> str:
    shown = list(things[:most])
    if len(things) > most:
        shown.append(f"{len(things) - most} more")
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
