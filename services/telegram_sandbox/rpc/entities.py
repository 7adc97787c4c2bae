"""Message entities that Telegram's servers add by themselves: commands and mentions.

Clients send formatting; @names and /commands are found here, for guests' messages too, because clients read
commands and mentions from the entities. Kept with the message as TL bytes; offsets are UTF-16 units.
"""

import re
from collections.abc import Sequence
from typing import Any

from services.telegram_sandbox.mtproto.tl import encode, types

_COMMAND = re.compile(r"(?<![\w/])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{4,32})?")
_MENTION = re.compile(r"(?<![\w/])@[A-Za-z][A-Za-z0-9_]{3,31}")
_MAX_ENTITIES = 100


def entities_of(text: str, given: Sequence[Any] | None = None) -> bytes:
    """A TL vector of the client's entities and those found in the text; empty bytes when there are none."""
    found = list(given or [])
    for pattern, kind in ((_COMMAND, types.MessageEntityBotCommand), (_MENTION, types.MessageEntityMention)):
        found += [
            kind(offset=_utf16(text[: match.start()]), length=_utf16(match.group())) for match in pattern.finditer(text)
        ]
    found.sort(key=lambda entity: entity.offset)
    return encode(found[:_MAX_ENTITIES]) if found else b""


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
