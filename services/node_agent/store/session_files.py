"""The folder of session files: who is there, which changed, and their bytes.

An account is a `*.session` file named after it. The agent itself writes login state back into these files, so a
fingerprint stays the same while the file is as the agent left it; it changes when somebody else puts another file
there, and then the agent's own state is not written over it. Files are read whole and never opened in place.
"""

import asyncio
import re
import threading
from pathlib import Path

import structlog

from services.node_agent.domain.accounts import SessionFile
from services.node_agent.store.atomic import replace_file
from shared.contracts.heartbeats import MOST_ACCOUNTS
from shared.contracts.identifiers import ACCOUNT_ID_PATTERN

log = structlog.get_logger(__name__)

SUFFIX = ".session"
# A large account's file has megabytes of known people in it; more than this is something else.
LARGEST_SESSION = 256 * 1024 * 1024


class SessionFolder:
    """Implements `domain.ports.Sessions` and `domain.ports.SessionBytes`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # What the file was like when the agent wrote it, and the fingerprint it is still known by.
        self._own: dict[str, tuple[str, str]] = {}
        # A look between the writing of a file and the note that it is our own would see a stranger's file.
        self._writing: dict[str, threading.Lock] = {}
        self._refused: set[str] = set()

    async def present(self) -> dict[str, SessionFile]:
        """The session files by account id. Raises OSError for a folder that cannot be read."""
        return await asyncio.to_thread(self._present)

    async def read(self, account_id: str) -> tuple[bytes, SessionFile]:
        """The bytes of an account's file. Raises OSError."""
        return await asyncio.to_thread(self._read, account_id)

    async def write(self, account_id: str, content: bytes, expected: SessionFile) -> bool:
        """Put newer login state into the file, unless it is no longer the one that was read. Raises OSError."""
        return await asyncio.to_thread(self._write, account_id, content, expected)

    def _present(self) -> dict[str, SessionFile]:
        found: dict[str, SessionFile] = {}
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if not re.fullmatch(ACCOUNT_ID_PATTERN, path.stem):
                self._refuse(path, "its name is not an account id: letters, digits and _ . @ + - only, at most 64")
            elif len(found) >= MOST_ACCOUNTS:
                self._refuse(path, f"an agent runs at most {MOST_ACCOUNTS} accounts")
            else:
                try:
                    found[path.stem] = SessionFile(path.name, self._fingerprint(path.stem))
                except FileNotFoundError:
                    continue  # it went away between
        return found

    def _read(self, account_id: str) -> tuple[bytes, SessionFile]:
        path = self._path(account_id)
        file = SessionFile(path.name, self._fingerprint(account_id))
        if path.stat().st_size > LARGEST_SESSION:
            raise OSError(f"{path.name} is larger than {LARGEST_SESSION} bytes")
        return path.read_bytes(), file

    def _write(self, account_id: str, content: bytes, expected: SessionFile) -> bool:
        path = self._path(account_id)
        with self._lock(account_id):
            try:
                if self._known_as(account_id) != expected.fingerprint:
                    return False
            except FileNotFoundError:
                return False
            replace_file(path, content)
            self._own[account_id] = (_look(path), expected.fingerprint)
        return True

    def _fingerprint(self, account_id: str) -> str:
        with self._lock(account_id):
            return self._known_as(account_id)

    def _lock(self, account_id: str) -> threading.Lock:
        # Threads meet here; of two new locks only one gets in.
        return self._writing.setdefault(account_id, threading.Lock())

    def _known_as(self, account_id: str) -> str:
        look = _look(self._path(account_id))
        own = self._own.get(account_id)
        return own[1] if own is not None and own[0] == look else look

    def _path(self, account_id: str) -> Path:
        return self._folder / f"{account_id}{SUFFIX}"

    def _refuse(self, path: Path, why: str) -> None:
        if path.name not in self._refused:
            self._refused.add(path.name)
            log.warning("session_file_ignored", file=path.name, reason=why)


class InMemorySessions:
    """The folder's twin: `files` maps an account id to a fingerprint, `content` to bytes where they matter."""

    def __init__(self, *account_ids: str) -> None:
        self.files = dict.fromkeys(account_ids, "1")
        self.content: dict[str, bytes] = {}

    async def present(self) -> dict[str, SessionFile]:
        """The session files by account id."""
        return {account: self._file(account) for account in self.files}

    async def read(self, account_id: str) -> tuple[bytes, SessionFile]:
        """The bytes of an account's file. Raises FileNotFoundError."""
        if account_id not in self.files:
            raise FileNotFoundError(f"{account_id}{SUFFIX}")
        return self.content.get(account_id, f"the login of {account_id}".encode()), self._file(account_id)

    async def write(self, account_id: str, content: bytes, expected: SessionFile) -> bool:
        """Put newer login state into the file, unless it is no longer the one that was read."""
        if account_id not in self.files or self._file(account_id) != expected:
            return False
        self.content[account_id] = content
        return True

    def _file(self, account_id: str) -> SessionFile:
        return SessionFile(f"{account_id}{SUFFIX}", self.files[account_id])


def _look(path: Path) -> str:
    status = path.stat()
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
