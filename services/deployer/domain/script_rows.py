"""Scripts and their versions in a transaction: the port of the tables."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from services.deployer.domain.scripts import NewScript, ScriptSummary, ScriptVersion, StoredScript, VersionInfo
from shared.contracts.artifacts import Artifact

VersionKey = tuple[str, int]
# Script and content hash.
ContentKey = tuple[str, str]


class Scripts(Protocol):
    """Scripts and their versions."""

    async def add(self, script: NewScript, now: datetime) -> StoredScript:
        """Store as the next version, or find the version that has this hash. Locks the script."""
        ...

    async def lock(self, script_id: str) -> bool:
        """Keep other deployments of this script waiting until the end of the transaction; whether it exists."""
        ...

    async def page(self, after: str | None, limit: int) -> list[ScriptSummary]:
        """Scripts by id."""
        ...

    async def versions(self, script_id: str) -> list[VersionInfo]:
        """All versions, the newest first; empty for an unknown script."""
        ...

    async def newest(self, script_ids: Collection[str]) -> dict[str, VersionInfo]:
        """The latest version of each of the scripts that exist."""
        ...

    async def version(self, script_id: str, version: int) -> ScriptVersion | None:
        """One version with its text."""
        ...

    async def contents(self, keys: Collection[VersionKey]) -> dict[VersionKey, ScriptVersion]:
        """Several versions with their texts."""
        ...

    async def by_hash(self, content_hash: str) -> ScriptVersion | None:
        """The version with this content."""
        ...

    async def known(self, keys: Collection[ContentKey]) -> dict[ContentKey, Artifact]:
        """Those of these contents that are stored as versions of their script."""
        ...
