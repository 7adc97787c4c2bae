"""Session strings: Telethon's and Pyrogram's, told apart by their first character and their length.

Telethon   '1' + base64url(dc, address, port, key)                                  353 or, for IPv6, 369 characters
Pyrogram   base64url(dc, api id, test mode, key, user id, bot)                       362
           base64url(dc, test mode, key, user id, bot), user ids of 64 and 32 bits   356, 351
"""

import base64
import binascii
import struct
from ipaddress import ip_address
from typing import Any

from services.deployer.domain.telegram_logins import (
    BadSession,
    Sandbox,
    SessionForm,
    TelegramLogin,
    checked_login,
)

# Without the padding, which is lost where strings are copied by hand.
_TELETHON = {352: ">B4sH256s", 368: ">B16sH256s"}
_PYROGRAM = {362: ">BI?256sQ?", 356: ">B?256sQ?", 351: ">B?256sI?"}
LONGEST_STRING = 400
_LENGTHS = "Telethon's have 353 or 369 characters, Pyrogram's 362, 356 or 351"


def looks_like_a_string(content: bytes) -> bool:
    """Whether this may be a session string, perhaps with white space around it, and no file."""
    stripped = content.strip()
    return 0 < len(stripped) <= LONGEST_STRING and stripped.isascii() and stripped.decode().isprintable()


def read_string(text: str, sandbox: Sandbox | None) -> tuple[SessionForm, TelegramLogin]:
    """The login in a string. Raises BadSession."""
    text = text.strip().rstrip("=")
    telethon = _TELETHON.get(len(text)) if text.startswith("1") else None
    if telethon is not None:
        dc_id, address, port, key = _unpacked(telethon, text[1:])
        at = (str(ip_address(address)), port)
        return SessionForm.TELETHON_STRING, checked_login(dc_id, key, at=at, sandbox=sandbox)
    pyrogram = _PYROGRAM.get(len(text))
    if pyrogram is None:
        raise BadSession(f"it has {len(text)} characters, which no session string has: {_LENGTHS}; copy it whole")
    dc_id, *rest = _unpacked(pyrogram, text)
    test_mode, key, user_id, _ = rest[-4:]
    if test_mode:
        raise BadSession("it is a login of Telegram's test servers: sign in at the real ones")
    return SessionForm.PYROGRAM_STRING, checked_login(dc_id, key, user_id or None)


def _unpacked(form: str, text: str) -> tuple[Any, ...]:
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return struct.unpack(form, content)
    except (binascii.Error, ValueError, struct.error):
        raise BadSession("it is no session string (not base64 of the right length): copy it whole") from None
