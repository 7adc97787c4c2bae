"""Artifacts as messages name them: a kind, an id, a version and the hash of the content.

The hash decides whether two artifacts are the same; the version number is for people.
"""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from shared.contracts.contract import Instant, Part
from shared.contracts.identifiers import ContentHash, DeliveryId, ScriptId


class ArtifactKind(StrEnum):
    """What an artifact is a version of. Sessions follow with the vault."""

    SCRIPT = "script"


class Artifact(Part):
    """An immutable version of something that is delivered to nodes."""

    kind: ArtifactKind = ArtifactKind.SCRIPT
    id: ScriptId
    version: int = Field(ge=1)
    hash: ContentHash


class TestTally(Part):
    """How many of an artifact's own tests ran on the node before the swap, and passed; a total of 0: it has none."""

    __test__: ClassVar[bool] = False  # its name would make pytest collect it

    passed: int = Field(ge=0)
    total: int = Field(ge=0)


class FileState(StrEnum):
    """What has become of the file of an artifact that a node has loaded; `altered` includes one that is unreadable."""

    INTACT = "intact"
    ALTERED = "altered"
    MISSING = "missing"


class AppliedArtifact(Artifact):
    """An artifact that a node runs now: its engine has loaded exactly these bytes.

    `tests_passed` says that none of the artifact's own tests failed on the node before the swap; `tests` how many
    there were. `delivery_id` and `ordered_at` are of the order that brought it. `file` is what the node found when it
    last looked at the artifact's file, `file_hash` what is in a file that was altered; the engine goes on with what it
    has loaded. Older agents do not send `tests`, nor what follows it.
    """

    tests_passed: bool = False
    tests: TestTally | None = None
    delivery_id: DeliveryId | None = None
    ordered_at: Instant | None = None
    file: FileState | None = None
    file_hash: ContentHash | None = None
