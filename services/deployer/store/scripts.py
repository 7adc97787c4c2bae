"""The tables `scripts` and `script_versions`.

The row of a script is the lock for its versions' numbers and for its deployments.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.deployer.domain.script_rows import ContentKey, VersionKey
from services.deployer.domain.scripts import NewScript, ScriptSummary, ScriptVersion, StoredScript, VersionInfo
from shared.contracts.artifacts import Artifact

_INFO = "v.script_id, v.version, v.hash, v.title, v.size, v.created_at"
_FROM = "from deployer.script_versions as v"
_FROM_NEWEST = (
    "from deployer.scripts as s "
    "join deployer.script_versions as v on v.script_id = s.script_id and v.version = s.latest_version"
)

_ENTER = text(
    "insert into deployer.scripts (script_id, latest_version, created_at) values (:script_id, 0, :now) "
    "on conflict do nothing"
)
_LOCK = text("select latest_version from deployer.scripts where script_id = :script_id for update")
_BY_CONTENT = text(f"select {_INFO}, v.body {_FROM} where v.script_id = :script_id and v.hash = :hash")
_INSERT = text(
    "insert into deployer.script_versions (script_id, version, hash, title, size, body, created_at) "
    "values (:script_id, :version, :hash, :title, :size, :body, :now)"
)
_RAISE = text("update deployer.scripts set latest_version = :version where script_id = :script_id")
_PAGE = text(
    f"select {_INFO}, s.created_at as entered_at {_FROM_NEWEST} "
    "where s.script_id > :after order by s.script_id limit :limit"
)
_VERSIONS = text(f"select {_INFO} {_FROM} where v.script_id = :script_id order by v.version desc")
_NEWEST = text(f"select {_INFO} {_FROM_NEWEST} where s.script_id = any(cast(:script_ids as text[]))")
_VERSION = text(f"select {_INFO}, v.body {_FROM} where v.script_id = :script_id and v.version = :version")
_CONTENTS = text(
    f"select {_INFO}, v.body {_FROM} where (v.script_id, v.version) in "
    "(select * from unnest(cast(:script_ids as text[]), cast(:versions as int[])))"
)
_KNOWN = text(
    f"select {_INFO} {_FROM} where (v.script_id, v.hash) in "
    "(select * from unnest(cast(:script_ids as text[]), cast(:hashes as text[])))"
)
_BY_HASH = text(f"select {_INFO}, v.body {_FROM} where v.hash = :hash limit 1")


class PostgresScripts:
    """Scripts in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, script: NewScript, now: datetime) -> StoredScript:
        """Store as the next version, or find the version that has this hash."""
        key = {"script_id": script.script_id}
        await self._connection.execute(_ENTER, key | {"now": now})
        latest = (await self._connection.execute(_LOCK, key)).scalar_one()
        known = (await self._connection.execute(_BY_CONTENT, key | {"hash": script.hash})).one_or_none()
        if known is not None:
            return StoredScript(_version(known), added=False)
        artifact = Artifact(id=script.script_id, version=latest + 1, hash=script.hash)
        info = VersionInfo(artifact, script.title, len(script.body.encode()), now)
        row = key | {"version": artifact.version, "hash": script.hash, "title": info.title, "size": info.size}
        await self._connection.execute(_INSERT, row | {"body": script.body, "now": now})
        await self._connection.execute(_RAISE, key | {"version": artifact.version})
        return StoredScript(ScriptVersion(info, script.body), added=True)

    async def lock(self, script_id: str) -> bool:
        """Hold the script's row until the end of the transaction; whether it exists."""
        return (await self._connection.execute(_LOCK, {"script_id": script_id})).one_or_none() is not None

    async def page(self, after: str | None, limit: int) -> list[ScriptSummary]:
        """Scripts by id."""
        rows = await self._connection.execute(_PAGE, {"after": after or "", "limit": limit})
        return [ScriptSummary(_info(row), row.entered_at) for row in rows]

    async def versions(self, script_id: str) -> list[VersionInfo]:
        """All versions, the newest first."""
        return [_info(row) for row in await self._connection.execute(_VERSIONS, {"script_id": script_id})]

    async def newest(self, script_ids: Collection[str]) -> dict[str, VersionInfo]:
        """The latest version of each of the scripts that exist."""
        rows = await self._connection.execute(_NEWEST, {"script_ids": list(script_ids)})
        return {row.script_id: _info(row) for row in rows}

    async def version(self, script_id: str, version: int) -> ScriptVersion | None:
        """One version with its text."""
        key = {"script_id": script_id, "version": version}
        found = (await self._connection.execute(_VERSION, key)).one_or_none()
        return None if found is None else _version(found)

    async def contents(self, keys: Collection[VersionKey]) -> dict[VersionKey, ScriptVersion]:
        """Several versions with their texts."""
        named = {"script_ids": [key[0] for key in keys], "versions": [key[1] for key in keys]}
        return {(row.script_id, row.version): _version(row) for row in await self._connection.execute(_CONTENTS, named)}

    async def by_hash(self, content_hash: str) -> ScriptVersion | None:
        """The version with this content."""
        found = (await self._connection.execute(_BY_HASH, {"hash": content_hash})).one_or_none()
        return None if found is None else _version(found)

    async def known(self, keys: Collection[ContentKey]) -> dict[ContentKey, Artifact]:
        """Those of these contents that are stored as versions of their script."""
        named = {"script_ids": [key[0] for key in keys], "hashes": [key[1] for key in keys]}
        found = [_info(row).artifact for row in await self._connection.execute(_KNOWN, named)]
        return {(artifact.id, artifact.hash): artifact for artifact in found}


def _info(row: Any) -> VersionInfo:
    artifact = Artifact(id=row.script_id, version=row.version, hash=row.hash)
    return VersionInfo(artifact, row.title, row.size, row.created_at)


def _version(row: Any) -> ScriptVersion:
    return ScriptVersion(_info(row), row.body)
