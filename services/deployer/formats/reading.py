"""Reads whatever was uploaded: told apart by what is in it, never by its name. Implements `SessionReader`."""

from pathlib import PurePosixPath

from services.deployer.domain.session_strings import looks_like_a_string, read_string
from services.deployer.domain.telegram_logins import (
    BadSession,
    PreparedSession,
    ReadSession,
    RefusedSession,
    Sandbox,
    SessionForm,
    TelegramLogin,
)
from services.deployer.formats import archives, sqlite_files
from services.deployer.formats.archives import entries_of
from services.deployer.formats.sqlite_files import read_file, read_stored_file
from services.deployer.formats.stored import stored_form
from services.deployer.formats.tdata import read_tdata, tdata_in
from shared.contracts.sessions import LARGEST_SESSION

_KINDS = (
    "it is none of a Telethon or Pyrogram file, a session string of either, or a zip of such files or of a tdata "
    "folder of Telegram Desktop's"
)


class FormatReader:
    """See the module's docstring. `sandbox` is where the Telegram sandbox answers, if there is one."""

    def __init__(self, sandbox: Sandbox | None) -> None:
        self._sandbox = sandbox

    def read(self, name: str, content: bytes, passcode: str | None = None) -> list[ReadSession]:
        """Every login in it, or why there is none."""
        if not content.startswith(archives.MAGIC):
            return [ReadSession(name, self._one(content))]
        try:
            entries = entries_of(content)
            tdata = tdata_in(entries)
            if tdata is not None:
                return _of_tdata(name, read_tdata(tdata, passcode))
        except BadSession as refused:
            return [ReadSession(name, RefusedSession(str(refused)))]
        found = [ReadSession(entry, self._one(entries[entry])) for entry in sorted(entries) if not _is_noise(entry)]
        return found or [ReadSession(name, RefusedSession("the archive is empty: put session files into it"))]

    def read_stored(self, content: bytes) -> TelegramLogin | RefusedSession:
        """The login in what claims to be of the stored form."""
        try:
            return read_stored_file(content, self._sandbox)
        except BadSession as refused:
            return RefusedSession(str(refused))

    def _one(self, content: bytes) -> PreparedSession | RefusedSession:
        try:
            if content.startswith(sqlite_files.MAGIC[:15]):
                found = read_file(content, self._sandbox)
                return _prepared(found.form, found.login, stored_form(found.login, found.known, found.states))
            if looks_like_a_string(content):
                form, login = read_string(content.decode(), self._sandbox)
                return _prepared(form, login, stored_form(login))
        except BadSession as refused:
            return RefusedSession(str(refused))
        return RefusedSession(f"{_KINDS}: export the session again" if content else "it is empty: export it again")


def _prepared(form: SessionForm, login: TelegramLogin, content: bytes) -> PreparedSession | RefusedSession:
    if len(content) > LARGEST_SESSION:
        return RefusedSession(f"it is over {LARGEST_SESSION} bytes in the stored form: send the session string instead")
    return PreparedSession(form, login, content)


def _of_tdata(name: str, accounts: list[TelegramLogin | BadSession]) -> list[ReadSession]:
    found = []
    for place, account in enumerate(accounts, 1):
        # One account is named as the folder is; of several each needs a name of its own.
        entry = name if len(accounts) == 1 else f"{PurePosixPath(name).stem}-{place}"
        outcome = (
            RefusedSession(str(account))
            if isinstance(account, BadSession)
            else _prepared(SessionForm.TDATA, account, stored_form(account))
        )
        found.append(ReadSession(entry, outcome))
    return found


def _is_noise(entry: str) -> bool:
    """What file managers put into archives by themselves."""
    path = PurePosixPath(entry)
    return "__MACOSX" in path.parts or path.name in (".DS_Store", "Thumbs.db", "desktop.ini")
