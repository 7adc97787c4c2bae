"""What changed between two versions of a script, line by line. Pure."""

import difflib
from dataclasses import dataclass

from services.deployer.domain.scripts import ScriptVersion


@dataclass(frozen=True, slots=True)
class Difference:
    """A unified difference with three lines around each change; empty when the texts are the same."""

    unified: str
    added: int
    removed: int


def difference(older: ScriptVersion, newer: ScriptVersion) -> Difference:
    """From the older version's text to the newer one's."""
    lines = list(
        difflib.unified_diff(older.body.splitlines(), newer.body.splitlines(), _name(older), _name(newer), lineterm="")
    )
    changes = lines[2:]
    added = sum(line.startswith("+") for line in changes)
    removed = sum(line.startswith("-") for line in changes)
    return Difference("\n".join(lines), added, removed)


def _name(version: ScriptVersion) -> str:
    artifact = version.info.artifact
    return f"{artifact.id} version {artifact.version}"
