"""What a backup of the vault is: a manifest of every version in it, and each version's content.

Pure; `session_archive` implements the ports. The archive is an age file with a gzipped tar in it: the contents as
`sessions/<account>/<version>.session`, and at the end `manifest.json`, so that an archive without its end is none.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, BinaryIO, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.identifiers import AccountId, ContentHash
from shared.contracts.sessions import LARGEST_SESSION, SessionOrigin

FORM = "callboard-sessions"
VERSION = 1


class BackedUpVersion(BaseModel):
    """A version in an archive. `hash` and `size` are of its content."""

    model_config = ConfigDict(frozen=True)

    account_id: AccountId
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    current: bool
    hash: ContentHash
    size: Annotated[int, Field(ge=1, le=LARGEST_SESSION)]
    origin: SessionOrigin
    form: str | None = None
    stored_at: AwareDatetime


class Manifest(BaseModel):
    """What an archive says that it holds."""

    model_config = ConfigDict(frozen=True)

    form: Annotated[str, Field(pattern=f"^{FORM}$")] = FORM
    version: Annotated[int, Field(ge=1, le=VERSION)] = VERSION
    made_at: AwareDatetime
    sessions: tuple[BackedUpVersion, ...]


class BadArchive(Exception):
    """An archive that is not restored: what is wrong with it and what helps. Never what is in it."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Whom an archive is locked for: age recipients (`age1…`), or a passphrase."""

    recipients: tuple[str, ...] = ()
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Unlock:
    """What opens an archive: an age identity (`AGE-SECRET-KEY-1…`), or a passphrase."""

    identity: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Content:
    """One version of an archive."""

    account_id: str
    version: int
    content: bytes = field(repr=False)


Contents = AsyncIterator[Content]
Finish = Callable[[], Manifest]
Take = Callable[[Content], Awaitable[None]]


class Archive(Protocol):
    """An archive that may be read any number of times."""

    async def read(self, take: Take) -> Manifest:
        """Hand over every content, then give the manifest that was checked against them. Raises BadArchive."""
        ...


class Archives(Protocol):
    """Writes and reads archives; both are bounded in memory."""

    def problem_of(self, lock: Lock) -> str | None:
        """Why nothing can be locked for this; None if it can."""
        ...

    def written(self, contents: Contents, manifest: Finish, lock: Lock) -> AsyncIterator[bytes]:
        """The archive, piece by piece; the manifest is asked for at the end. Raises BadArchive."""
        ...

    async def opened(self, file: BinaryIO, unlock: Unlock) -> "Archive":
        """An archive to be read. Raises BadArchive."""
        ...


def checked(manifest: Manifest, seen: Sequence[tuple[str, int, str, int]]) -> Manifest:
    """The manifest, if it names exactly the contents (account, version, hash, size) that were there.

    Raises BadArchive.
    """
    named = [(one.account_id, one.version, one.hash, one.size) for one in manifest.sessions]
    if len(set(named)) < len(named) or set(named) != set(seen) or len(seen) != len(named):
        raise BadArchive("what is in the archive is not what its manifest names: it was altered, take another copy")
    return manifest
