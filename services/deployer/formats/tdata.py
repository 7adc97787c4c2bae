"""Folders of Telegram Desktop (`tdata`), read by opentele-ng: the one place that knows the library.

Only its reader is used; it makes no client and nothing here speaks to Telegram (see docs/adr/0010). It reads a folder,
so the few files that hold the logins are put into a private one in memory for that moment. The library's own errors are
not shown: they may have contents in them.
"""

import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from services.deployer.domain.telegram_logins import BadSession, TelegramLogin, checked_login

# The key file, and for each account its file and its folder's map and settings; everything else is caches.
_KEY_FILE = re.compile(r"key_data[s01]?")
_ACCOUNT_FILE = re.compile(r"[0-9A-F]{16}[s01]")
_IN_FOLDER = re.compile(r"(map|configs?)[s01]?|configs")
_FOLDER = re.compile(r"[0-9A-F]{16}")
_MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
# Telegram Desktop has at most six accounts, each with a few kilobytes here.
_LARGEST_FILE = 4 * 1024 * 1024


def tdata_in(entries: Mapping[str, bytes]) -> dict[PurePosixPath, bytes] | None:
    """The files of the one tdata folder in an archive, relative to it; None if there is none."""
    homes = {PurePosixPath(name).parent for name in entries if _KEY_FILE.fullmatch(PurePosixPath(name).name)}
    if len(homes) != 1:
        return None
    [home] = homes
    found: dict[PurePosixPath, bytes] = {}
    for name, content in entries.items():
        path = PurePosixPath(name)
        if home in path.parents and _holds_logins(inner := path.relative_to(home)):
            found[inner] = content
    return found


def read_tdata(files: Mapping[PurePosixPath, bytes], passcode: str | None) -> list[TelegramLogin | BadSession]:
    """Every account of a folder, in Telegram Desktop's order. Raises BadSession if the folder cannot be read."""
    if any(len(content) > _LARGEST_FILE for content in files.values()):
        raise BadSession(f"a file of the tdata folder is over {_LARGEST_FILE} bytes: it is damaged")
    where = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="callboard-tdata-", dir=where) as folder:
        for path, content in files.items():
            place = Path(folder, *path.parts)
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(content)
        accounts = _accounts(folder, passcode or "")
    return [_login(account) for account in accounts]


def _holds_logins(path: PurePosixPath) -> bool:
    match path.parts:
        case (name,):
            return bool(_KEY_FILE.fullmatch(name) or _ACCOUNT_FILE.fullmatch(name))
        case (folder, name):
            return bool(_FOLDER.fullmatch(folder) and _IN_FOLDER.fullmatch(name))
        case _:
            return False


def _accounts(folder: str, passcode: str) -> Iterable[Any]:
    # It brings Telethon along, which takes a moment that most deployers never need.
    from opentele.exception import TDataBadDecryptKey
    from opentele.td import TDesktop

    try:
        accounts = list(TDesktop(basePath=folder, passcode=passcode).accounts)
    except TDataBadDecryptKey:
        told = "this is not it" if passcode else "give it, or take the passcode away and copy the folder again"
        raise BadSession(f"the tdata folder has a local passcode: {told}") from None
    except Exception:
        raise BadSession("the tdata folder is damaged or not whole: close Telegram Desktop, copy it again") from None
    if not accounts:
        raise BadSession("nobody is signed in in this tdata folder, or its files are damaged: copy it again")
    return accounts


def _login(account: Any) -> TelegramLogin | BadSession:
    try:
        return checked_login(int(account.MainDcId), bytes(account.authKey.key), int(account.UserId))
    except BadSession as refused:
        return refused
    except Exception:
        return BadSession("this account of the tdata folder is damaged: copy the folder again")
