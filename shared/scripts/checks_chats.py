"""Whether a chat that is named somewhere in a script is one that the script lists. Asked by the other checks."""

from collections.abc import Iterator

from shared.scripts.chats import PRIVATE
from shared.scripts.errors import Finding, Path, nearest
from shared.scripts.model import Script


def check_listed(script: Script, chat: str, path: Path) -> Iterator[Finding]:
    """For where things may happen: any listed chat, also `private`."""
    if chat not in script.chats:
        yield Finding(path, f"{chat} is not one of the script's chats", nearest(chat, script.chats))


def check_one_chat(script: Script, chat: str, path: Path) -> Iterator[Finding]:
    """For where the account begins to speak by itself: `private` does not say with whom."""
    if chat == PRIVATE:
        yield Finding(path, "private is nobody in particular", "name one chat, or leave the chat out")
    else:
        yield from check_listed(script, chat, path)
