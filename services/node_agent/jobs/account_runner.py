"""One account's life: connect, listen, play, speak, and again; until it is cancelled or its login is dead.

Every state that it enters is told to the roster, with the sentence that the operator sees. Whatever ends a connection
comes out of it as a `TelegramTrouble`, and `domain.consequences` alone decides what follows. The crew makes runners and
cancels them; nothing that goes wrong here reaches another account. Accounts of one node that share a chat and a script
each answer there; none of them answers another.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from services.node_agent.domain.account_states import CONNECTING, ERROR, ONLINE, STOPPED, WAITING
from services.node_agent.domain.accounts import SessionFile
from services.node_agent.domain.consequences import Doubt, End, Reconnect, Rest, after_connection
from services.node_agent.domain.deadman import Deadman
from services.node_agent.domain.permission import Permission
from services.node_agent.domain.ports import LedgerAway
from services.node_agent.domain.reasons import mistake_reason, reason_of
from services.node_agent.domain.sending import Silence
from services.node_agent.domain.telegram import (
    FloodWait,
    Heard,
    Newcomer,
    ServerTrouble,
    Telegram,
    TelegramConnection,
    TelegramTrouble,
    Unreachable,
)
from services.node_agent.jobs.account_voice import AccountVoice
from services.node_agent.jobs.turns import Turns
from services.node_agent.use_cases.roster import Roster
from services.node_agent.use_cases.stage import Stage
from services.node_agent.use_cases.unsaid import Unsaid
from shared.alarm import Alarm
from shared.backoff import Backoff
from shared.clock import Clock
from shared.randomness import Randomness
from shared.scripts import Effect, Fault, React, SendText

log = structlog.get_logger(__name__)

# Connections that are cut again and again, or refused by a server that answers, are made more and more slowly.
RETRIES = Backoff(first=1.0, most=60.0, jitter=0.3)
# Some cuts in a row are a bad line; more are a server that does not want this account now.
FREE_RETRIES = 3
# A connection that lasted less long says nothing good: the back-off goes on where it was.
STEADY_SECONDS = 30.0
# A data centre that has lost a key for a moment knows it again within some of these retries, half a minute in all.
SUSPICIONS = 6
# Finds logins that were ended elsewhere while nothing was said, and connections that died without a word. The state is
# saved as often: so far back, at most, an account catches up after a crash.
PROBE_SECONDS = 60.0
SCRIPT_PAUSE_SECONDS = 0.01
# The wall clock, by which scripts wait, may be set: it is looked at again after so long.
LOOK_SECONDS = 60.0
# Who may not run any more is stopped by others within this, or may again.
HELD_SECONDS = 1.0
# What an account missed for longer than this is not answered any more when it comes back.
ANSWER_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True)
class RunnerParts:
    """What every runner uses."""

    telegram: Telegram
    roster: Roster
    unsaid: Unsaid
    stage: Stage
    permission: Permission
    deadman: Deadman
    clock: Clock
    randomness: Randomness
    turns: Turns


class AccountRunner:
    """See the module's docstring. `epoch` is the assignment's under which the account runs with this login."""

    def __init__(self, account_id: str, file: SessionFile, epoch: int, parts: RunnerParts) -> None:
        # Whoever answers a guest twice has shown that it is a machine; who was not answered asks again.
        self._silent_before = parts.permission.silent_before(account_id)
        self._id = account_id
        self._file = file
        self._epoch = epoch
        self._parts = parts
        self._voice = AccountVoice(account_id, parts.roster, parts.unsaid, parts.stage, self._may_run, parts.clock)
        self._moved = Alarm(parts.clock)
        self._failures = 0
        self._suspicions = 0
        self._reached = self._held = False
        self._connection: TelegramConnection | None = None
        self._saving = asyncio.Lock()

    def wake(self) -> None:
        """The script or the binding has changed."""
        self._moved.ring()
        self._voice.wake()

    async def save_now(self) -> None:
        """Let the login have its state of this moment, if the account is connected."""
        if self._connection is not None:
            await self._save(self._connection)

    async def run(self) -> None:
        """Live until the login is dead. Cancelling disconnects and saves first."""
        going = True
        while going:
            try:
                going = await self._after(await self._live())
            except LedgerAway as error:
                log.error("ledger_away", account=self._id, reason=str(error))
                await self._pause()
            except Exception as error:
                # A mistake of ours in one account's path: it is tried again slowly, and the others go on.
                log.exception("account_failed", account=self._id)
                await self._parts.roster.enter(self._id, CONNECTING, mistake_reason(error))
                await self._pause()

    async def _live(self) -> TelegramTrouble:
        """One connection from its beginning to its end."""
        parts = self._parts
        await self._wait_out()
        state = parts.roster[self._id].state
        await parts.roster.enter(self._id, CONNECTING, state.reason if state.status is CONNECTING else None)
        try:
            connection = await self._connected()
            self._reached = not isinstance(connection, TelegramTrouble)
            if isinstance(connection, TelegramTrouble):
                return connection
            try:
                return await self._online(connection)
            finally:
                # Saving may take its time: nobody is connected any more.
                self._hold(connected=False)
                if await self._save(connection):
                    parts.roster.saved(self._id)
        finally:
            self._hold(connected=False)

    async def _online(self, connection: TelegramConnection) -> TelegramTrouble:
        """A connection's life; it is over when this returns."""
        parts, began = self._parts, self._parts.clock.monotonic()
        try:
            await parts.roster.enter(self._id, ONLINE, user_id=connection.user_id)
            self._suspicions = 0
            self._connection = connection
            return await self._serve(connection)
        finally:
            self._connection = None
            if parts.clock.monotonic() - began >= STEADY_SECONDS:
                self._failures = 0
            await connection.disconnect()

    async def _wait_out(self) -> None:
        """Telegram ordered the account to wait: until then it asks nothing at all, whatever has ended meanwhile."""
        parts, silence = self._parts, self._parts.unsaid.silence(self._id)
        if silence is None or silence.status is not WAITING:
            return
        if parts.roster[self._id].state.status in (STOPPED, ERROR):
            await parts.roster.enter(self._id, CONNECTING)
        await parts.roster.enter(self._id, WAITING, silence.reason)
        await parts.clock.sleep(silence.until - parts.clock.monotonic())

    def _may_run(self) -> bool:
        return self._parts.permission.may_run(self._id, self._epoch, self._parts.clock.monotonic())

    def _hold(self, *, connected: bool) -> None:
        """Let the deadman know."""
        if connected != self._held:
            self._held = connected
            (self._parts.deadman.connects if connected else self._parts.deadman.disconnected)()

    async def _connected(self) -> TelegramConnection | TelegramTrouble:
        """A connection when this account's turn has come, or why there is none."""
        parts = self._parts
        while True:
            async with parts.turns.taken(parts.telegram.data_centre(self._id)):
                if self._may_run():
                    return await self._tried()
            # It is about to be stopped: that is no trouble of Telegram's, and to ask on without a pause would keep
            # whoever stops it from doing so.
            await parts.clock.sleep(HELD_SECONDS)

    async def _tried(self) -> TelegramConnection | TelegramTrouble:
        """Connect; whoever waits for the same data centre learns from it."""
        parts, data_centre = self._parts, self._parts.telegram.data_centre(self._id)
        self._hold(connected=True)
        try:
            connection = await parts.telegram.connect(self._id, self._hear)
        except TelegramTrouble as trouble:
            if isinstance(trouble, Unreachable):
                parts.turns.failed(data_centre)
            return trouble
        parts.turns.came_through(data_centre)
        return connection

    async def _serve(self, connection: TelegramConnection) -> TelegramTrouble:
        works = (connection.ended(), self._voice.run(connection), self._keep_time(), self._keep_alive(connection))
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _after(self, trouble: TelegramTrouble) -> bool:
        """Enter the state that follows, and wait as long as that asks for; False when there is no next try."""
        parts, follows = self._parts, after_connection(trouble)
        if isinstance(follows, Doubt):
            self._suspicions += 1
            follows = End() if self._suspicions >= SUSPICIONS else follows
        reason = reason_of(trouble, follows, parts.clock.now())
        log.info("account_interrupted", account=self._id, kind=type(trouble).__name__, reason=str(trouble))
        match follows:
            case End():
                await self._end(reason)
                return False
            case Rest(status=status, seconds=seconds):
                parts.unsaid.be_silent(self._id, Silence(parts.clock.monotonic() + seconds, status, reason))
                await parts.roster.enter(self._id, status, reason)
            case Doubt():
                await parts.roster.enter(self._id, CONNECTING, reason)
                await parts.clock.sleep(RETRIES.delay(self._suspicions - 1, parts.randomness))
            case Reconnect():
                await parts.roster.enter(self._id, CONNECTING, reason)
                # What could not be reached takes its turn with the others; what was cut or refused is this account's.
                if self._reached or not isinstance(trouble, Unreachable):
                    await self._pause()
        return True

    async def _end(self, reason: str) -> None:
        """Enter the error, when the ledger takes it: until then as well, Telegram is not asked again."""
        while True:
            try:
                await self._parts.roster.enter(self._id, ERROR, reason, dead_file=self._file.fingerprint)
                return
            except LedgerAway as error:
                log.error("ledger_away", account=self._id, reason=str(error))
                await self._pause()

    async def _pause(self) -> None:
        self._failures += 1
        delay = RETRIES.delay(max(0, self._failures - FREE_RETRIES), self._parts.randomness)
        await self._parts.clock.sleep(delay)

    def _hear(self, heard: Heard) -> None:
        """Everything that follows is noted before anybody else gets a turn, so the ledger has all of it or nothing."""
        parts = self._parts
        if not parts.roster.heard(self._id, heard):
            return
        whose = heard.user_id if isinstance(heard, Newcomer) else heard.sender_id
        # Two accounts of one operator that answer each other would never stop.
        if parts.roster.is_own(whose) or parts.clock.now() - heard.at > ANSWER_WITHIN:
            return
        if self._silent_before is not None and heard.at <= self._silent_before:
            log.info("left_unanswered", account=self._id, message=heard.message_id, until=str(self._silent_before),
                     reason="the node before fell silent, and may have answered it")  # fmt: skip
            parts.roster.uncertain(self._id)
            return
        self._carry_out(parts.stage.hear(self._id, heard, parts.clock.now().timestamp()))
        self._moved.ring()

    async def _keep_time(self) -> TelegramTrouble:
        """Let the script know the time whenever it has something to do then; never ends."""
        clock, stage = self._parts.clock, self._parts.stage
        while True:
            wake, now = stage.next_wake(self._id), clock.now().timestamp()
            if wake is not None and wake <= now:
                self._carry_out(stage.on_time(self._id, now))
                # A script that wants the time again at once must not keep the others from theirs.
                await clock.sleep(SCRIPT_PAUSE_SECONDS)
            else:
                await self._moved.wait(None if wake is None else min(wake - now, LOOK_SECONDS))

    async def _keep_alive(self, connection: TelegramConnection) -> TelegramTrouble:
        """Save, and ask Telegram whether the login lives, again and again; ends with the answer if it does not."""
        clock = self._parts.clock
        # Spread, so that accounts that came together do not ask together.
        pause = PROBE_SECONDS * self._parts.randomness.uniform(0.5, 1.0)
        while True:
            # At once too: from the first saved state on, a crash makes the account miss nothing.
            await self._save(connection)
            await clock.sleep(pause)
            pause = PROBE_SECONDS
            try:
                await connection.probe()
            except (FloodWait, ServerTrouble) as trouble:
                # It answered: the login and the connection live.
                pause = 2 * PROBE_SECONDS
                if isinstance(trouble, FloodWait):
                    pause = max(pause, trouble.seconds)
            except TelegramTrouble as trouble:
                return trouble

    async def _save(self, connection: TelegramConnection) -> bool:
        try:
            # One after the other: a state that is written late would take the place of a newer one.
            async with self._saving:
                return await connection.save(self._parts.roster.flush)
        except LedgerAway as error:
            log.error("session_not_saved", account=self._id, reason=str(error))
            return False

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendText() | React():
                    self._voice.say(effect)
                case Fault():
                    log.warning("script_fault", account=self._id, place=effect.place, chat=effect.chat,
                                reason=effect.message)  # fmt: skip
