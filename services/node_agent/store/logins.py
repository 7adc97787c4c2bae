"""The logins that the vault has sent: in this process's memory, never on a disk, gone with the process.

They are held compressed, a kilobyte or two for an account that knows few people. While an account runs, its connection
writes its newest state here as it would into a file; what the vault has not been handed yet is told by `changed`.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from services.node_agent.domain.accounts import SessionFile
from services.node_agent.domain.logins import VAULT, Login, LoginState, state_of
from services.node_agent.domain.ports import Offload, SessionBytes, T


async def _at_once(function: Callable[..., T], *arguments: object) -> T:
    return function(*arguments)


@dataclass
class _Held:
    login: Login
    state: LoginState
    handed_back: str


class Logins:
    """Implements `domain.ports.HeldLogins` and `domain.ports.SessionBytes`."""

    def __init__(self, offload: Offload = _at_once) -> None:
        self._offload = offload
        self._held: dict[str, _Held] = {}
        self._problems: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, account_id: object) -> bool:
        return account_id in self._held

    def keep(self, account_id: str, login: Login, state: LoginState) -> None:
        """Hold a login that has come."""
        self._held[account_id] = _Held(login, state, login.hash)
        self._problems.pop(account_id, None)

    def refuse(self, account_id: str, why: str) -> None:
        """A login has come that could not be taken."""
        self._problems[account_id] = why

    def problem(self, account_id: str) -> str | None:
        """Why the login that came last could not be taken."""
        return self._problems.get(account_id)

    def forget(self, account_id: str) -> None:
        """The account is no longer this node's."""
        self._held.pop(account_id, None)
        self._problems.pop(account_id, None)

    def all(self) -> dict[str, Login]:
        """Every login, by account."""
        return {account_id: held.login for account_id, held in self._held.items()}

    def has(self, account_id: str, epoch: int) -> bool:
        """Whether the login of an account's epoch is here."""
        held = self._held.get(account_id)
        return held is not None and held.login.epoch == epoch

    def changed(self) -> list[str]:
        """Accounts whose newest state was not handed back."""
        return [each for each, held in self._held.items() if held.state.hash != held.handed_back]

    def newest(self, account_id: str) -> LoginState:
        """An account's newest state."""
        return self._held[account_id].state

    def handed_back(self, account_id: str, hash_: str) -> None:
        """This state is on its way to the vault, and safe until it is there."""
        if account_id in self._held:
            self._held[account_id].handed_back = hash_

    async def read(self, account_id: str) -> tuple[bytes, SessionFile]:
        """A login's newest state. Raises OSError when it is not here."""
        held = self._held.get(account_id)
        if held is None:
            raise OSError("the login is not here any more")
        return await self._offload(zlib.decompress, held.state.packed), held.login.file

    async def write(self, account_id: str, content: bytes, expected: SessionFile) -> bool:
        """Hold a newer state; False when another login has come."""
        state = await self._offload(state_of, content)
        held = self._held.get(account_id)
        if held is None or held.login.file != expected:
            return False
        held.state = state
        return True


class FolderAndMemory:
    """Implements `domain.ports.SessionBytes`: logins that are held in memory, and for the others the folder's files."""

    def __init__(self, folder: SessionBytes, logins: Logins) -> None:
        self._folder = folder
        self._logins = logins

    async def read(self, account_id: str) -> tuple[bytes, SessionFile]:
        """An account's login. Raises OSError."""
        return await (self._logins if account_id in self._logins else self._folder).read(account_id)

    async def write(self, account_id: str, content: bytes, expected: SessionFile) -> bool:
        """Put newer state to where the login came from. Raises OSError."""
        from_vault = expected.name.startswith(f"{VAULT}:")
        return await (self._logins if from_vault else self._folder).write(account_id, content, expected)
