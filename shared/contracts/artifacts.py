"""Artifacts as messages name them: a kind, an id, a version and the hash of the content.

The hash decides whether two artifacts are the same; the version number is for people.
"""

from enum import StrEnum

from pydantic import Field

from shared.contracts.contract import Part
from shared.contracts.identifiers import ContentHash, ScriptId


class ArtifactKind(StrEnum):
    """What an artifact is a version of. Sessions follow with the vault."""

    SCRIPT = "script"


class Artifact(Part):
    """An immutable version of something that is delivered to nodes."""

    kind: ArtifactKind = ArtifactKind.SCRIPT
    id: ScriptId
    version: int = Field(ge=1)
    hash: ContentHash


class AppliedArtifact(Artifact):
    """An artifact that a node runs now: its engine has loaded exactly these bytes.

    `tests_passed` says that the artifact's own tests passed on the node before the swap.
    """

    tests_passed: bool = False
