"""Login states on their way to the vault: sealed, then kept in the ledger until the vault has them.

Logins of the vault are handed back while they run, when they have changed, and a last time when they leave or the agent
is stopped; a login of the session folder when it is given back to the registry; and either of them when the vault asks
for it. One after the other: a state that was taken earlier and sealed later would pass for the newer one. Raises
LedgerAway when the ledger cannot be written; then nothing was handed back.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from services.node_agent.domain.assignments import FOLDER_EPOCH
from services.node_agent.domain.logins import HandedBack, LoginState, UnusableLogin, state_of
from services.node_agent.domain.ports import HandedBackLedger, HeldLogins, Ring, SessionBytes
from services.node_agent.domain.telegram import UnusableSession
from services.node_agent.use_cases.sealing_logins import LoginSealer
from shared.contracts.assignments import AssignedAccount

log = structlog.get_logger(__name__)

# Sealing so many takes a tenth of a second; a transaction of the ledger for each would take longer than that.
KEPT_AT_ONCE = 100

# The login in a file's bytes as the vault keeps logins. Raises UnusableSession.
StoredForm = Callable[[bytes], bytes]


class HandBack:
    """See the module's docstring. `kept` is rung when there is something for the vault."""

    def __init__(
        self,
        logins: HeldLogins,
        folder: SessionBytes,
        ledger: HandedBackLedger,
        sealer: LoginSealer,
        stored_form: StoredForm,
    ) -> None:
        self._logins = logins
        self._folder = folder
        self._ledger = ledger
        self._sealer = sealer
        self._stored_form = stored_form
        self._one_at_a_time = asyncio.Lock()
        self.kept: Ring = lambda: None

    async def changed(self, account_ids: Sequence[str]) -> None:
        """Hand back the newest states of accounts that go on."""
        await self._hand_back(account_ids, final=False)

    async def asked(self, account: AssignedAccount, sync_id: str, still_here: Callable[[], bool]) -> bool:
        """The vault asks for the present state, changed or not; False where there is none, or it goes away."""
        async with self._one_at_a_time:
            if not still_here() or (state := await self._last_state(account)) is None:
                return False
            try:
                sealed = await self._sealer.seal(account.account_id, account.epoch, state, answers=sync_id)
            except UnusableLogin as error:
                log.error("login_not_handed_back", account=account.account_id, reason=str(error))
                return False
            await self._keep([sealed])
            return True

    async def everything(self) -> None:
        """The agent ends: hand back what the vault does not have, some at a time: there may be no time for all."""
        changed = self._logins.changed()
        for first in range(0, len(changed), KEPT_AT_ONCE):
            await self._hand_back(changed[first : first + KEPT_AT_ONCE], final=True)

    async def final(self, accounts: Sequence[AssignedAccount]) -> dict[str, str | None]:
        """Hand back the last states of accounts that run no more; the hash of each, None where there was no login."""
        async with self._one_at_a_time:
            return await self._final(accounts)

    async def _final(self, accounts: Sequence[AssignedAccount]) -> dict[str, str | None]:
        changed, hashes, sealed = set(self._logins.changed()), dict[str, str | None](), list[HandedBack]()
        for each in accounts:
            account_id, state = each.account_id, await self._last_state(each)
            if state is None:
                hashes[account_id] = await self._ledger.hash_of(account_id, each.epoch)
            elif each.epoch > FOLDER_EPOCH and account_id not in changed:
                # An agent that was killed may have been sent its login again before the vault had what it handed back.
                hashes[account_id] = await self._ledger.hash_of(account_id, each.epoch) or state.hash
            else:
                try:
                    sealed.append(await self._sealer.seal(account_id, each.epoch, state, final=True))
                    hashes[account_id] = state.hash
                except UnusableLogin as error:
                    log.error("login_not_handed_back", account=account_id, reason=str(error))
                    hashes[account_id] = None
        await self._keep(sealed)
        return hashes

    async def stored(self, account_id: str, epoch: int, hash_: str) -> None:
        """The vault has this state."""
        await self._ledger.stored(account_id, epoch, hash_)

    async def _hand_back(self, account_ids: Sequence[str], *, final: bool) -> None:
        async with self._one_at_a_time:
            held, sealed = self._logins.all(), list[HandedBack]()
            for account_id in account_ids:
                if account_id in held:
                    state, epoch = self._logins.newest(account_id), held[account_id].epoch
                    try:
                        sealed.append(await self._sealer.seal(account_id, epoch, state, final=final))
                    except UnusableLogin as error:
                        log.error("login_not_handed_back", account=account_id, reason=str(error))
            await self._keep(sealed)

    async def _keep(self, states: Sequence[HandedBack]) -> None:
        if states:
            await self._ledger.keep(states)
            for each in states:
                self._logins.handed_back(each.account_id, each.hash)
            self.kept()

    async def _last_state(self, account: AssignedAccount) -> LoginState | None:
        if account.epoch > FOLDER_EPOCH:
            held = self._logins.has(account.account_id, account.epoch)
            return self._logins.newest(account.account_id) if held else None
        try:
            content, _ = await self._folder.read(account.account_id)
            return state_of(self._stored_form(content))
        except FileNotFoundError:
            return None
        except (OSError, UnusableSession) as error:
            log.error("login_not_read", account=account.account_id, reason=str(error))
            return None
