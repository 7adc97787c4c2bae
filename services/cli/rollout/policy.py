"""The policy of one order: what options and a file say together, and where each field was written.

The fields are the API's, so the deployer judges them and there is one truth about what a policy may be. What it refuses
is named as the operator wrote it: by the option, or by `FILE:line:column`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.cli.failures import CommandFailed, ExitCode

if TYPE_CHECKING:
    from shared.scripts.source import Document

# As much as the deployer takes of a whole order.
LARGEST_FILE = 256 * 1024
_PLACE = "body.rollout"


@dataclass(frozen=True)
class PolicyFile:
    """A file with a policy, and the place of each field in it."""

    path: Path
    document: "Document"

    @property
    def fields(self) -> dict[str, Any]:
        """The policy."""
        return dict(self.document.root.plain())

    def place(self, words: list[str]) -> str:
        """`careful.yaml:3:5: groups.0`."""
        line, column = self.document.locate(tuple(int(one) if one.isdigit() else one for one in words), at_key=True)
        return ": ".join(filter(None, (f"{self.path}:{line}:{column}", ".".join(words))))


@dataclass(frozen=True)
class Policy:
    """`options` are the fields that were given as options, with the option's name by the field's path."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    file: PolicyFile | None = None

    def named(self, field: str) -> str | None:
        """How the operator wrote what the API calls `field`; None for what is not of the policy."""
        if field != _PLACE and not field.startswith(f"{_PLACE}."):
            return None
        path = field.removeprefix(_PLACE).removeprefix(".")
        for place, option in self.options.items():
            if path == place or path.startswith(f"{place}."):
                part = ".".join(word for word in path[len(place) :].split(".") if word and not word.isdigit())
                return f"{option} ({part})" if part else option
        return self.file.place(path.split(".") if path else []) if self.file else path


def read_file(path: Path) -> PolicyFile:
    """The policy in a file. Raises CommandFailed with the place where it cannot be read."""
    # It is the scripts' YAML; its parser takes a moment to load, for which no other command should wait.
    from shared.scripts.source import Document, read_document

    content = path.read_bytes()
    if len(content) > LARGEST_FILE:
        raise _refused(path, f"{path}:1:1: is over the limit of {LARGEST_FILE} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise _refused(path, f"{path}:1:1: is not UTF-8 text (byte {error.start})") from error
    document = read_document(text) if text.strip() else None
    if document is None or (isinstance(document, Document) and document.root.fields is None):
        raise _refused(path, f'{path}:1:1: a policy is made of fields, such as groups: [1, "10%", "100%"]')
    if not isinstance(document, Document):
        raise _refused(path, f"{path}:{document}")
    return PolicyFile(path, document)


def _refused(path: Path, line: str) -> CommandFailed:
    return CommandFailed(ExitCode.REFUSED, f"{path} is no policy of a rollout; nothing was ordered", [line])
