"""How a script names the chats it may speak in, and how the engine names the chat of a message.

A script lists `@username`, a numeric id as Telegram clients show it (negative for groups and channels,
positive for one person), or `private` for any private conversation. A chat *address* is what travels in
`Incoming.chat` and `SendText.chat`: the listed name itself, or `private:<user id>`. The agent turns what
Telegram gave it into an address with `chat_address` and back into a peer with `peer_of`.
"""

import re
from collections.abc import Collection

PRIVATE = "private"
_USERNAME = re.compile(r"@[A-Za-z][A-Za-z0-9_]{3,31}")
_NUMBER = re.compile(r"-?[1-9][0-9]{0,18}")
_EXPECTED = 'expected "@username", a numeric chat id, or private'


def canonical_chat(value: object) -> str:
    """The one spelling of a listed chat: usernames in lower case, ids as text. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(_EXPECTED)
    text = str(value)
    if text == PRIVATE or _NUMBER.fullmatch(text):
        return text
    if _USERNAME.fullmatch(text):
        return text.lower()
    if _USERNAME.fullmatch("@" + text):
        raise ValueError(f'{_EXPECTED}; a username starts with @: "@{text}"')
    raise ValueError(_EXPECTED)


def chat_address(
    chats: Collection[str], *, chat_id: int, username: str | None = None, private: bool = False
) -> str | None:
    """The address of a chat under the names that the script lists; None when the script does not list it."""
    if username and (name := "@" + username.removeprefix("@").lower()) in chats:
        return name
    if str(chat_id) in chats:
        return str(chat_id)
    return f"{PRIVATE}:{chat_id}" if private and PRIVATE in chats else None


def may_speak_in(chats: Collection[str], address: str) -> bool:
    """Whether `address` is one of the listed chats, or a private one where private chats are listed."""
    if address.startswith(PRIVATE + ":"):
        return PRIVATE in chats
    return address in chats and address != PRIVATE


def peer_of(address: str) -> str | int:
    """What to hand to the Telegram client: `@username`, or the numeric id."""
    bare = address.removeprefix(PRIVATE + ":")
    return bare if bare.startswith("@") else int(bare)
