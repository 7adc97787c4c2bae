"""The twin of `store.scripts`, on the tables of `store.in_memory`."""

from collections.abc import Collection
from datetime import datetime

from services.deployer.domain.script_rows import ContentKey, VersionKey
from services.deployer.domain.scripts import NewScript, ScriptSummary, ScriptVersion, StoredScript, VersionInfo
from services.deployer.store.in_memory_tables import Tables
from shared.contracts.artifacts import Artifact


class InMemoryScripts:
    """Implements `domain.script_rows.Scripts`."""

    def __init__(self, tables: Tables) -> None:
        self._scripts = tables.scripts

    async def add(self, script: NewScript, now: datetime) -> StoredScript:
        """Store as the next version, or find the version that has this hash. Locks the script."""
        versions = self._scripts.setdefault(script.script_id, [])
        for known in versions:
            if known.info.artifact.hash == script.hash:
                return StoredScript(known, added=False)
        artifact = Artifact(id=script.script_id, version=len(versions) + 1, hash=script.hash)
        versions.append(ScriptVersion(VersionInfo(artifact, script.title, len(script.body.encode()), now), script.body))
        return StoredScript(versions[-1], added=True)

    async def lock(self, script_id: str) -> bool:
        """Keep other deployments of this script waiting until the end of the transaction; whether it exists."""
        return script_id in self._scripts

    async def page(self, after: str | None, limit: int) -> list[ScriptSummary]:
        """Scripts by id."""
        ids = sorted(script_id for script_id in self._scripts if script_id > (after or ""))[:limit]
        return [ScriptSummary(self._scripts[id_][-1].info, self._scripts[id_][0].info.created_at) for id_ in ids]

    async def versions(self, script_id: str) -> list[VersionInfo]:
        """All versions, the newest first; empty for an unknown script."""
        return [version.info for version in reversed(self._scripts.get(script_id, []))]

    async def newest(self, script_ids: Collection[str]) -> dict[str, VersionInfo]:
        """The latest version of each of the scripts that exist."""
        return {id_: self._scripts[id_][-1].info for id_ in script_ids if id_ in self._scripts}

    async def version(self, script_id: str, version: int) -> ScriptVersion | None:
        """One version with its text."""
        versions = {one.info.artifact.version: one for one in self._scripts.get(script_id, [])}
        return versions.get(version)

    async def contents(self, keys: Collection[VersionKey]) -> dict[VersionKey, ScriptVersion]:
        """Several versions with their texts."""
        found = {key: await self.version(*key) for key in keys}
        return {key: version for key, version in found.items() if version is not None}

    async def by_hash(self, content_hash: str) -> ScriptVersion | None:
        """The version with this content."""
        every = (version for versions in self._scripts.values() for version in versions)
        return next((version for version in every if version.info.artifact.hash == content_hash), None)

    async def known(self, keys: Collection[ContentKey]) -> dict[ContentKey, Artifact]:
        """Those of these contents that are stored as versions of their script."""
        every = (version.info.artifact for versions in self._scripts.values() for version in versions)
        return {(one.id, one.hash): one for one in every if (one.id, one.hash) in keys}
