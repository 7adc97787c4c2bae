"""Script versions: immutable, numbered for people, named by the hash of their exact bytes.

The same content pushed again is the version that is there; other content is the next version.
"""

from dataclasses import dataclass
from datetime import datetime

from shared.contracts.artifacts import Artifact


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """A version without its text. `size` is in bytes."""

    artifact: Artifact
    title: str
    size: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ScriptVersion:
    """A version with its text."""

    info: VersionInfo
    body: str


@dataclass(frozen=True, slots=True)
class NewScript:
    """A script that was checked and is to be stored."""

    script_id: str
    hash: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class StoredScript:
    """Where a script ended up; `added` says whether the version is new."""

    version: ScriptVersion
    added: bool


@dataclass(frozen=True, slots=True)
class ScriptSummary:
    """A script in a list."""

    latest: VersionInfo
    created_at: datetime
