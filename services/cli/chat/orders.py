"""What one may type in the chat: a message, or an order to the rehearsal, which begins with a colon.

A colon, so that `/price` stays a message. `:)` is a message, too, and `::word` is the message `:word`.
"""

import re
from dataclasses import dataclass

from shared.scripts.errors import nearest, shortened

_ORDER = re.compile(r":([a-z]+)(?:\s+(.*))?", re.DOTALL)

# Each order with what follows it and what it does, in the order in which `:help` shows them.
ORDERS = {
    "wait": ("30s", "let time pass; an empty line goes on to the next thing that happens"),
    "as": ("NAME", "speak under another name"),
    "in": ("CHAT", "speak in another chat: @name, a number, or private"),
    "mention": ("[TEXT]", "the next message, or this one, mentions the account"),
    "reply": ("[TEXT]", "the next message, or this one, answers the account"),
    "join": ("NAME", "somebody joins the chat"),
    "clock": ("[2026-03-02] 08:59", "go on to that time; before anything was said, begin then"),
    "why": ("", "what every trigger made of the last thing that happened"),
    "vars": ("", "what the account remembers, and what is still playing"),
    "restart": ("[2026-03-02 08:59]", "forget everything and begin anew"),
    "reload": ("", "read the file again; conversations keep their place"),
    "save": ("NAME", "show what was done so far as a test for the script"),
    "help": ("", "show this"),
    "quit": ("", "end, as Ctrl-D does"),
}


@dataclass(frozen=True)
class Message:
    """Said as it stands."""

    text: str


@dataclass(frozen=True)
class Order:
    """An order of `ORDERS` and what followed it."""

    name: str
    rest: str


HELP, QUIT, RELOAD = (Order(name, "") for name in ("help", "quit", "reload"))


@dataclass(frozen=True)
class NoOrder:
    """Looks like an order but is none."""

    why: str


def read_line(line: str) -> Message | Order | NoOrder:
    """What a line means; an empty one is an empty message."""
    text = line.strip()
    if text.startswith("::"):
        return Message(text[1:])
    found = _ORDER.fullmatch(text)
    if found is None:
        return Message(text)
    name, rest = found[1], (found[2] or "").strip()
    if name not in ORDERS:
        hint = nearest(name, ORDERS)
        return NoOrder(f"there is no order {shortened(':' + name)} ({hint}); to say it to the account, write :{text}")
    wants, _ = ORDERS[name]
    if rest and not wants:
        return NoOrder(f":{name} stands alone")
    if not rest and wants and not wants.startswith("["):
        return NoOrder(f"say :{name} {wants}")
    return Order(name, rest)


def help_lines() -> list[str]:
    """The orders, each with what it does."""
    spelled = {f":{name} {wants}".rstrip(): does for name, (wants, does) in ORDERS.items()}
    width = max(map(len, spelled))
    return [f"  {order:{width}}  {does}" for order, does in spelled.items()]
