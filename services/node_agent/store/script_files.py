"""The scripts that the node runs, as files that an operator can read: `<state>/scripts/<script_id>.yaml`.

The ledger says which version a file should be; whoever reads one checks its hash. `InMemoryScriptFiles` is the twin
for tests.
"""

import asyncio
from pathlib import Path

from services.node_agent.domain.ports import StorageFailed
from services.node_agent.store.atomic import replace_file


class ScriptFolder:
    """Implements `domain.ports.ScriptFiles` in a folder, which is made when it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, script_id: str) -> bytes | None:
        """The file's bytes, or None without a file. Raises OSError for one that cannot be read."""
        try:
            return await asyncio.to_thread(self._path(script_id).read_bytes)
        except FileNotFoundError:
            return None

    async def write(self, script_id: str, content: bytes) -> None:
        """Replace the file at once or not at all. Raises StorageFailed."""
        try:
            await asyncio.to_thread(self._write, script_id, content)
        except OSError as error:
            raise StorageFailed(f"{self._path(script_id)} cannot be written: {error.strerror or error}") from error

    async def remove(self, script_id: str) -> None:
        """Delete the file, if there is one. Raises StorageFailed."""
        try:
            await asyncio.to_thread(self._path(script_id).unlink, missing_ok=True)
        except OSError as error:
            raise StorageFailed(f"{self._path(script_id)} cannot be deleted: {error.strerror or error}") from error

    def _write(self, script_id: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self._path(script_id), content)

    def _path(self, script_id: str) -> Path:
        return self._folder / f"{script_id}.yaml"


class InMemoryScriptFiles:
    """The same, as a dictionary. `broken` makes writes fail as a full disk does."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.broken = False

    async def read(self, script_id: str) -> bytes | None:
        """The file's bytes, or None without a file."""
        return self.files.get(script_id)

    async def write(self, script_id: str, content: bytes) -> None:
        """Replace the file, or fail when `broken`."""
        if self.broken:
            raise StorageFailed(f"{script_id}.yaml cannot be written: No space left on device")
        self.files[script_id] = content

    async def remove(self, script_id: str) -> None:
        """Delete the file, or fail when `broken`."""
        if self.broken:
            raise StorageFailed(f"{script_id}.yaml cannot be deleted: Read-only file system")
        self.files.pop(script_id, None)
