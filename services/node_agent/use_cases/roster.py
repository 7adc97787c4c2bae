"""The accounts of this node, kept the same in memory, in the ledger and in the next heartbeat.

The crew says which accounts there are, their runners which states they enter and what they hear and say. Everything
goes into the ledger in one transaction for all accounts: who wants something written while another transaction is under
way shares the next. A change of state is in the ledger, numbered, before anybody hears of it. Raises LedgerAway when
the ledger cannot be written: then no state has changed, and what the accounts have lived is written the next time.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from services.node_agent.domain.account_states import ERROR, STOPPED, entered
from services.node_agent.domain.accounts import Account, Seen, Station
from services.node_agent.domain.beats import Beats
from services.node_agent.domain.identity import Identity
from services.node_agent.domain.journal import Journal
from services.node_agent.domain.ports import AccountLedger, Batch, Ring, StateChange
from services.node_agent.domain.reasons import AGENT_STARTED
from services.node_agent.domain.sending import WINDOW
from services.node_agent.domain.telegram import Heard, Newcomer
from services.node_agent.use_cases.stage import Stage
from services.node_agent.use_cases.unsaid import Unsaid
from shared.batching import Batcher
from shared.clock import Clock
from shared.contracts.accounts import AccountChanged, AccountStatus
from shared.contracts.heartbeats import MOST_ACCOUNTS
from shared.contracts.own_accounts import own_accounts_digest

# Repeats come from the last minutes; a chat that was quiet while so many others spoke has none.
MOST_CHATS = 1_000


@dataclass(frozen=True)
class _Entering:
    account: Account
    previous: AccountStatus | None


@dataclass(frozen=True)
class _Leaving:
    account_id: str


# None only wants everything written.
_Wish = _Entering | _Leaving | None


class Roster:
    """See the module's docstring. `changed` is rung after every change of a state."""

    def __init__(
        self,
        node_id: str,
        identity: Identity,
        ledger: AccountLedger,
        beats: Beats,
        stage: Stage,
        unsaid: Unsaid,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._node_id = node_id
        self._identity = identity
        self._ledger = ledger
        self._beats = beats
        self._stage = stage
        self._unsaid = unsaid
        self._journal = journal
        self._clock = clock
        self._accounts: dict[str, Account] = {}
        # As the accounts will be when what is being written is written.
        self._becoming: dict[str, Account] = {}
        self._seen: dict[str, dict[int, Seen]] = {}
        # Accounts that have heard what their logins may not know of: now, and before this start of the agent.
        self._unsaved: set[str] = set()
        self._from_before: set[str] = set()
        self._own: set[int] = set()
        self._elsewhere: frozenset[int] = frozenset()
        self._writer: Batcher[_Wish, None] = Batcher(self._write, most=MOST_ACCOUNTS, linger=0)
        self.own_accounts = own_accounts_digest(())
        self.changed: Ring = lambda: None

    def __contains__(self, account_id: object) -> bool:
        return account_id in self._accounts

    def __getitem__(self, account_id: str) -> Account:
        """The account in the state that it was last told to enter."""
        return self._becoming.get(account_id) or self._accounts[account_id]

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
        seen = await self._ledger.seen()
        for account in await self._ledger.accounts():
            self._accounts[account.account_id] = account
            self._seen[account.account_id] = seen.get(account.account_id, {})
            if self._seen[account.account_id]:
                self._from_before.add(account.account_id)
            self._tell(account)
        ran = [each for each in self.ids() if self[each].state.status not in (STOPPED, ERROR)]
        await asyncio.gather(*(self.enter(each, STOPPED, AGENT_STARTED) for each in ran))

    async def appear(self, account_id: str, station: Station) -> None:
        """An account has come to this node."""
        await self._writer.submit(_Entering(Account(account_id, station.session_file).at(station), None))

    def station(self, account_id: str, station: Station) -> None:
        """The account has this login now; the ledger is told with its next change of state."""
        if not self._accounts[account_id].station.is_same_login(station):
            self._count(self._accounts[account_id].at(station))

    def stored(self, account_id: str, epoch: int, session_hash: str) -> None:
        """The vault has this state of the account's login."""
        account = self._accounts.get(account_id)
        if account is not None and account.epoch == epoch:
            self._count(replace(account, session_hash=session_hash))

    async def vanish(self, account_id: str) -> None:
        """An account's file is gone."""
        await self._writer.submit(_Leaving(account_id))

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
        account = self[account_id]
        state = entered(account.state, status, reason)
        if state == account.state and user_id in (None, account.user_id) and dead_file == account.dead_file:
            return
        after = replace(account, state=state, user_id=user_id or account.user_id, dead_file=dead_file)
        self._becoming[account_id] = after
        await self._writer.submit(_Entering(after, account.state.status))

    def is_own(self, user_id: int) -> bool:
        """Whether a Telegram user is one of the operator's accounts, here or on another node."""
        return user_id in self._own or user_id in self._elsewhere

    def know(self, user_ids: Iterable[int]) -> None:
        """These are the accounts of all nodes, as the registry has them."""
        self._elsewhere = frozenset(user_ids)
        self.own_accounts = own_accounts_digest(self._elsewhere)

    def heard(self, account_id: str, heard: Heard) -> bool:
        """Note what an account hears, and count it if it is a message; False for what it has heard before."""
        seen = self._seen[account_id]
        newcomer = heard.user_id if isinstance(heard, Newcomer) else None
        last = seen.get(heard.chat_id)
        if last is not None and last.covers(heard.message_id, heard.at, newcomer):
            return False
        self._unsaved.add(account_id)
        noted = self._journal.of(account_id).seen
        newest = (last or Seen(0, heard.at)).then(heard.message_id, heard.at, newcomer)
        noted[heard.chat_id] = seen[heard.chat_id] = newest
        if len(seen) > MOST_CHATS:
            quiet = min(seen, key=lambda chat_id: seen[chat_id].at)
            noted[quiet] = None
            del seen[quiet]
        account = self._accounts[account_id]
        count = account.message_count + (newcomer is None)
        self._count(replace(account, message_count=count, last_activity=self._clock.now()))
        return True

    def saved(self, account_id: str) -> None:
        """The account is disconnected, and its login knows of all that it has heard in this connection."""
        self._unsaved.discard(account_id)

    def heard_beyond(self, account_id: str) -> datetime | None:
        """The newest message that the account has heard, by Telegram's clock, if its login may not know of all."""
        if account_id not in self._unsaved | self._from_before:
            return None
        return max((each.at for each in self._seen.get(account_id, {}).values()), default=None)

    def said(self, account_id: str) -> None:
        """Count a reply."""
        self._journal.of(account_id)
        account = self._accounts[account_id]
        self._count(replace(account, reply_count=account.reply_count + 1, last_activity=self._clock.now()))

    def uncertain(self, account_id: str) -> None:
        """Count a message that is left unanswered, because another node may have answered it."""
        self._journal.of(account_id)
        account = self._accounts[account_id]
        self._count(replace(account, uncertain_count=account.uncertain_count + 1))

    def recast(self) -> None:
        """Scripts or bindings have changed: tell the reports."""
        for account in self._accounts.values():
            self._tell(account)

    async def flush(self) -> None:
        """When it returns, everything that was noted before it was called is durable."""
        await self._writer.submit(None)

    async def close(self) -> None:
        """Write what is left. Nothing may be asked of the roster afterwards."""
        try:
            await self.flush()
        finally:
            await self._writer.close()

    async def _write(self, wishes: Sequence[_Wish]) -> Sequence[None]:
        """One transaction for everybody who waits, and for whatever the accounts have lived until now."""
        entering = [wish for wish in wishes if isinstance(wish, _Entering)]
        gone = [wish.account_id for wish in wishes if isinstance(wish, _Leaving)]
        lived = {each: progress for each, progress in self._journal.take().items() if each in self._accounts}
        batch = Batch(
            changes=[StateChange(self._with_counters(each.account), partial(self._change, each)) for each in entering],
            progress=[(self._accounts[each], progress) for each, progress in lived.items()],
            gone=gone,
            forget_said=self._clock.now().timestamp() - WINDOW,
        )
        try:
            if batch.changes or batch.progress or batch.gone:
                await self._ledger.write(batch)
        except BaseException:
            self._journal.give_back(lived)
            self._settle_states(entering)
            raise
        for each in entering:
            self._seen.setdefault(each.account.account_id, {})
            self._count(self._with_counters(each.account))
        self._settle_states(entering)
        for account_id in gone:
            self._forget(account_id)
        if entering or gone:
            self.changed()
        return [None] * len(wishes)

    def _change(self, entering: _Entering, number: int) -> AccountChanged:
        account = self._with_counters(entering.account)
        return AccountChanged(
            node_id=self._node_id,
            ledger_id=self._identity.ledger_id,
            number=number,
            boot=self._identity.boot,
            seq=self._beats.seq,
            previous_status=entering.previous,
            account=account.report(*self._stage.role(account.account_id)),
            at=self._clock.now(),
        )

    def _with_counters(self, account: Account) -> Account:
        """The account in its new state, with its counters and login of now, which may have changed in between."""
        now = self._accounts.get(account.account_id, account)
        return replace(
            account.at(now.station),
            message_count=now.message_count,
            reply_count=now.reply_count,
            uncertain_count=now.uncertain_count,
            last_activity=now.last_activity,
        )

    def _settle_states(self, entering: Sequence[_Entering]) -> None:
        """These states are written, or they never will be; another may be on its way already."""
        for each in entering:
            if self._becoming.get(each.account.account_id) is each.account:
                del self._becoming[each.account.account_id]

    def _forget(self, account_id: str) -> None:
        for kept in (self._accounts, self._becoming, self._seen):
            kept.pop(account_id, None)
        for marked in (self._unsaved, self._from_before):
            marked.discard(account_id)
        self._stage.forget(account_id)
        self._unsaid.forget(account_id)
        self._journal.drop(account_id)
        self._beats.remove(account_id)

    def _count(self, account: Account) -> None:
        self._accounts[account.account_id] = account
        self._tell(account)

    def _tell(self, account: Account) -> None:
        if account.user_id is not None:
            self._own.add(account.user_id)
        self._beats.put(account.report(*self._stage.role(account.account_id)))
