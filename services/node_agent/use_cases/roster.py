"""The accounts of this node, kept the same in memory, in the ledger and in the next heartbeat.

The crew says which accounts there are, their runners which states they enter and what they hear and say. A change of
state is in the ledger, numbered, before anybody hears of it; counters are written in batches by `flush`. Raises
LedgerAway when the ledger cannot be written, and then nothing has changed.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from services.node_agent.domain.account_states import ERROR, STOPPED, entered
from services.node_agent.domain.accounts import Account, Seen, SessionFile
from services.node_agent.domain.beats import Beats
from services.node_agent.domain.identity import Identity
from services.node_agent.domain.ports import AccountLedger, Activity, Ring
from services.node_agent.domain.telegram import IncomingMessage
from services.node_agent.use_cases.stage import Stage
from shared.clock import Clock
from shared.contracts.accounts import AccountChanged, AccountStatus
from shared.contracts.own_accounts import own_accounts_digest


class Roster:
    """See the module's docstring. `changed` is rung after every change of a state."""

    def __init__(
        self, node_id: str, identity: Identity, ledger: AccountLedger, beats: Beats, stage: Stage, clock: Clock
    ) -> None:
        self._node_id = node_id
        self._identity = identity
        self._ledger = ledger
        self._beats = beats
        self._stage = stage
        self._clock = clock
        self._accounts: dict[str, Account] = {}
        self._seen: dict[str, dict[int, Seen]] = {}
        self._unsaved: dict[str, set[int]] = {}
        self._own: set[int] = set()
        self._flushing = asyncio.Lock()
        self._elsewhere: frozenset[int] = frozenset()
        self.own_accounts = own_accounts_digest(())
        self.changed: Ring = lambda: None

    def __contains__(self, account_id: object) -> bool:
        return account_id in self._accounts

    def __getitem__(self, account_id: str) -> Account:
        return self._accounts[account_id]

    def ids(self) -> list[str]:
        """Every account, in order."""
        return sorted(self._accounts)

    def counted(self) -> dict[str, int]:
        """How many accounts are in each state."""
        counts: dict[str, int] = {}
        for account in self._accounts.values():
            counts[account.state.status.value] = counts.get(account.state.status.value, 0) + 1
        return counts

    async def load(self) -> None:
        """Take the accounts from the ledger; what ran when the agent ended is stopped now."""
        for account in await self._ledger.accounts():
            self._accounts[account.account_id] = account
            self._seen[account.account_id] = await self._ledger.seen(account.account_id)
            self._tell(account)
            if account.state.status not in (STOPPED, ERROR):
                await self.enter(account.account_id, STOPPED, "the agent was started again")

    async def appear(self, account_id: str, file: SessionFile) -> None:
        """An account has come to this node."""
        account = Account(account_id, file.name)
        await self._record(account, None)
        self._seen[account_id] = {}

    async def vanish(self, account_id: str) -> None:
        """An account's file is gone."""
        await self._ledger.forget_account(account_id)
        for kept in (self._accounts, self._seen, self._unsaved):
            kept.pop(account_id, None)
        self._stage.forget(account_id)
        self._beats.remove(account_id)
        self.changed()

    async def enter(
        self,
        account_id: str,
        status: AccountStatus,
        reason: str | None = None,
        *,
        user_id: int | None = None,
        dead_file: str | None = None,
    ) -> None:
        """The account is in this state now. Raises ImpossibleTransition; the same state again is no change."""
        account = self._accounts[account_id]
        state = entered(account.state, status, reason)
        if state == account.state and user_id in (None, account.user_id) and dead_file == account.dead_file:
            return
        after = replace(account, state=state, user_id=user_id or account.user_id, dead_file=dead_file)
        await self._record(after, account.state.status)

    def is_own(self, user_id: int) -> bool:
        """Whether a Telegram user is one of the operator's accounts, here or on another node."""
        return user_id in self._own or user_id in self._elsewhere

    def know(self, user_ids: Iterable[int]) -> None:
        """These are the accounts of all nodes, as the registry has them."""
        self._elsewhere = frozenset(user_ids)
        self.own_accounts = own_accounts_digest(self._elsewhere)

    def heard(self, account_id: str, message: IncomingMessage) -> bool:
        """Count a message; False for one that was heard before, which counts no more."""
        seen = self._seen[account_id]
        last = seen.get(message.chat_id)
        if last is not None and last.covers(message.message_id, message.at):
            return False
        seen[message.chat_id] = Seen(message.message_id, message.at)
        self._unsaved.setdefault(account_id, set()).add(message.chat_id)
        account = self._accounts[account_id]
        self._count(replace(account, message_count=account.message_count + 1, last_activity=self._clock.now()))
        return True

    def said(self, account_id: str) -> None:
        """Count a reply."""
        self._unsaved.setdefault(account_id, set())
        account = self._accounts[account_id]
        self._count(replace(account, reply_count=account.reply_count + 1, last_activity=self._clock.now()))

    def recast(self) -> None:
        """Scripts or bindings have changed: tell the reports."""
        for account in self._accounts.values():
            self._tell(account)

    async def flush(self) -> None:
        """Write what has risen since. When it returns, everything counted before it was called is durable."""
        async with self._flushing:
            await self._flush()

    async def _flush(self) -> None:
        unsaved, self._unsaved = self._unsaved, {}
        activities = [
            Activity(self._accounts[account_id], {chat: self._seen[account_id][chat] for chat in chats})
            for account_id, chats in unsaved.items()
            if account_id in self._accounts
        ]
        try:
            if activities:
                await self._ledger.save_activity(activities)
        except BaseException:
            for account_id, chats in unsaved.items():
                self._unsaved.setdefault(account_id, set()).update(chats)
            raise

    async def _record(self, account: Account, previous: AccountStatus | None) -> None:
        await self._ledger.record_change(account, self._change(account, previous))
        # Counters may have risen while the ledger was written.
        now = self._accounts.get(account.account_id, account)
        self._count(
            replace(
                account,
                message_count=now.message_count,
                reply_count=now.reply_count,
                last_activity=now.last_activity,
            )
        )
        self.changed()

    def _change(self, account: Account, previous: AccountStatus | None) -> Callable[[int], AccountChanged]:
        def numbered(number: int) -> AccountChanged:
            return AccountChanged(
                node_id=self._node_id,
                ledger_id=self._identity.ledger_id,
                number=number,
                boot=self._identity.boot,
                seq=self._beats.seq,
                previous_status=previous,
                account=account.report(*self._stage.role(account.account_id)),
                at=self._clock.now(),
            )

        return numbered

    def _count(self, account: Account) -> None:
        self._accounts[account.account_id] = account
        self._tell(account)

    def _tell(self, account: Account) -> None:
        if account.user_id is not None:
            self._own.add(account.user_id)
        self._beats.put(account.report(*self._stage.role(account.account_id)))
