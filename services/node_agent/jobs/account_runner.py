"""One account's life: connect, listen, play, speak, and again; until it is cancelled or its login is dead.

Every state that it enters is told to the roster, with the sentence that the operator sees. Whatever ends a connection
comes out of it as a `TelegramTrouble`, and `_after` alone decides what follows. The crew makes runners and cancels
them; nothing that goes wrong here reaches another account. Accounts of one node that share a chat and a script each
answer there; none of them answers another.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from services.node_agent.domain.account_states import CONNECTING, ERROR, ONLINE, WAITING
from services.node_agent.domain.accounts import SessionFile
from services.node_agent.domain.lease import Lease
from services.node_agent.domain.ports import LedgerAway
from services.node_agent.domain.telegram import (
    DeadLogin,
    FloodWait,
    IncomingMessage,
    SuspectLogin,
    Telegram,
    TelegramConnection,
    TelegramTrouble,
    Unreachable,
    UnusableSession,
)
from services.node_agent.jobs.account_voice import AccountVoice
from services.node_agent.use_cases.roster import Roster
from services.node_agent.use_cases.stage import Stage
from shared.alarm import Alarm
from shared.backoff import Backoff
from shared.clock import Clock
from shared.randomness import Randomness
from shared.scripts import Effect, Fault, SendText

log = structlog.get_logger(__name__)

RETRIES = Backoff(first=1.0, most=60.0, jitter=0.3)
# A connection that lasted less long says nothing good: the back-off goes on where it was.
STEADY_SECONDS = 60.0
# A data centre that has lost a key for a moment knows it again within some of these retries, about a minute.
SUSPICIONS = 6
# Finds logins that were ended elsewhere while nothing was said; spread so that accounts do not ask together.
PROBE_SECONDS = 120.0
# How much login state a crash may lose: Telethon itself writes every 60 s.
SAVE_SECONDS = 60.0
# What an account missed for longer than this is not answered any more when it comes back.
ANSWER_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True)
class RunnerParts:
    """What every runner uses. `places` bounds how many accounts connect at once."""

    telegram: Telegram
    roster: Roster
    stage: Stage
    lease: Lease
    clock: Clock
    randomness: Randomness
    places: asyncio.Semaphore


class AccountRunner:
    """See the module's docstring."""

    def __init__(self, account_id: str, file: SessionFile, parts: RunnerParts) -> None:
        self._id = account_id
        self._file = file
        self._parts = parts
        self._voice = AccountVoice(account_id, parts.roster, parts.stage, parts.lease, parts.clock)
        self._moved = Alarm(parts.clock)
        self._failures = 0
        self._suspicions = 0

    def wake(self) -> None:
        """The script or the binding has changed."""
        self._moved.ring()
        self._voice.wake()

    async def run(self) -> None:
        """Live until the login is dead. Cancelling disconnects and saves first."""
        while True:
            try:
                trouble = await self._live()
                pause = await self._after(trouble)
            except LedgerAway as error:
                log.error("ledger_away", account=self._id, reason=str(error))
                pause = self._next_retry()
            except Exception as error:
                # A mistake of ours in one account's path: it is tried again slowly, and the others go on.
                log.exception("account_failed", account=self._id)
                pause = await self._after(Unreachable(f"a mistake in the agent: {type(error).__name__}: {error}"))
            if pause is None:
                return
            await self._parts.clock.sleep(pause)

    async def _live(self) -> TelegramTrouble:
        """One connection from its beginning to its end."""
        parts = self._parts
        await parts.roster.enter(self._id, CONNECTING, parts.roster[self._id].state.reason if self._failures else None)
        async with parts.places:
            if not parts.lease.may_run(parts.clock.monotonic()):
                return Unreachable("no valid lease")
            try:
                connection = await parts.telegram.connect(self._id, self._hear)
            except TelegramTrouble as trouble:
                return trouble
        began = parts.clock.monotonic()
        try:
            await parts.roster.enter(self._id, ONLINE, user_id=connection.user_id)
            self._suspicions = 0
            return await self._serve(connection)
        finally:
            if parts.clock.monotonic() - began >= STEADY_SECONDS:
                self._failures = 0
            await connection.disconnect()

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

    async def _after(self, trouble: TelegramTrouble) -> float | None:
        """Enter the state that follows; seconds until the next try, or None for never."""
        enter, what = self._parts.roster.enter, str(trouble)
        log.info("account_interrupted", account=self._id, kind=type(trouble).__name__, reason=what)
        match trouble:
            case FloodWait():
                until = self._parts.clock.now() + timedelta(seconds=trouble.seconds)
                await enter(self._id, WAITING, f"{what}; until {until:%Y-%m-%d %H:%M:%S} UTC")
                return trouble.seconds
            case DeadLogin() | UnusableSession():
                await enter(self._id, ERROR, what, dead_file=self._file.fingerprint)
                return None
            case SuspectLogin() if self._suspicions + 1 >= SUSPICIONS:
                await enter(self._id, ERROR, what, dead_file=self._file.fingerprint)
                return None
            case SuspectLogin():
                self._suspicions += 1
        pause = self._next_retry()
        await enter(self._id, CONNECTING, f"{what}; trying again")
        return pause

    def _next_retry(self) -> float:
        self._failures += 1
        return RETRIES.delay(self._failures - 1, self._parts.randomness)

    def _hear(self, message: IncomingMessage) -> None:
        parts = self._parts
        if not parts.roster.heard(self._id, message):
            return
        # Two accounts of one operator that answer each other would never stop.
        if parts.roster.is_own(message.sender_id) or parts.clock.now() - message.at > ANSWER_WITHIN:
            return
        self._carry_out(parts.stage.hear(self._id, message, parts.clock.monotonic()))
        self._moved.ring()

    async def _keep_time(self) -> TelegramTrouble:
        """Let the script know the time whenever it has something to do then; never ends."""
        clock, stage = self._parts.clock, self._parts.stage
        while True:
            wake = stage.next_wake(self._id)
            if wake is not None and wake <= clock.monotonic():
                self._carry_out(stage.on_time(self._id, clock.monotonic()))
                await clock.sleep(0.01)
            else:
                await self._moved.wait(None if wake is None else wake - clock.monotonic())

    async def _keep_alive(self, connection: TelegramConnection) -> TelegramTrouble:
        """Save, and ask Telegram whether the login lives, again and again; ends with the answer if it does not."""
        clock = self._parts.clock
        probe_at = clock.monotonic() + PROBE_SECONDS * self._parts.randomness.uniform(0.5, 1.0)
        while True:
            try:
                # At once too: from the first saved state on, a crash makes the account miss nothing.
                await connection.save()
                await clock.sleep(SAVE_SECONDS)
                if clock.monotonic() >= probe_at:
                    await connection.probe()
                    probe_at = clock.monotonic() + PROBE_SECONDS
            except FloodWait:
                probe_at = clock.monotonic() + 2 * PROBE_SECONDS
            except TelegramTrouble as trouble:
                return trouble

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendText():
                    self._voice.say(effect)
                case Fault(scene=scene, step=step, message=message):
                    log.warning("script_fault", account=self._id, scene=scene, step=step, reason=message)
