"""What stands for login files in the simulation: `who heard`, as the in-memory Telegram writes it.

The vault checks whatever it is given; for these the check is that they say whose they are.
"""

import hashlib
import re

from services.deployer.domain.telegram_logins import (
    KEY_BYTES,
    PreparedSession,
    ReadSession,
    RefusedSession,
    SessionForm,
    TelegramLogin,
)

_LOGIN = re.compile(rb"(?:the login of )?([a-z0-9-]+)( \d+)?")


class PlainLogins:
    """Implements `domain.telegram_logins.SessionReader`."""

    def read(self, name: str, content: bytes, passcode: str | None = None) -> list[ReadSession]:
        """The login in it."""
        login = self.read_stored(content)
        if isinstance(login, RefusedSession):
            return [ReadSession(name, login)]
        return [ReadSession(name, PreparedSession(SessionForm.TELETHON_FILE, login, content))]

    def read_stored(self, content: bytes) -> TelegramLogin | RefusedSession:
        """The login: its key is made of its name."""
        found = _LOGIN.fullmatch(content)
        if found is None:
            return RefusedSession("it does not say whose it is")
        key = hashlib.shake_256(found[1]).digest(KEY_BYTES)
        return TelegramLogin(2, "149.154.167.51", 443, key)
