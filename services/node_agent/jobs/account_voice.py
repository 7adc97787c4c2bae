"""What one account says, one message after the other: within its limits, under the lease, only where it may.

Lives as long as its runner, so what was to be said survives a short loss of the connection. Before every single send
it asks the lease and the script's list of chats. A message whose fate is unknown is not sent again: a reply too few
is better than one twice.
"""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from services.node_agent.domain.account_states import LIMITED, ONLINE, WAITING
from services.node_agent.domain.lease import Lease
from services.node_agent.domain.sending import Later, Nothing, Outgoing, Ready, SendQueue
from services.node_agent.domain.telegram import (
    ChatForbidden,
    ChatWait,
    FloodWait,
    Limited,
    Refused,
    TelegramConnection,
    TelegramTrouble,
    Unanswered,
    Unreachable,
)
from services.node_agent.use_cases.roster import Roster
from services.node_agent.use_cases.stage import Stage
from shared.alarm import Alarm
from shared.clock import Clock
from shared.contracts.accounts import AccountStatus
from shared.scripts import SendText, peer_of

log = structlog.get_logger(__name__)

# PEER_FLOOD names no time. Reports of other operators say hours; asking earlier makes it worse.
LIMITED_SECONDS = 3600.0
# Rights in a chat do not come back by themselves; somebody has to change them.
FORBIDDEN_SECONDS = 600.0


@dataclass(frozen=True)
class Silence:
    """Why the account says nothing before `until` (monotonic seconds); a reconnect does not end it."""

    until: float
    status: AccountStatus
    reason: str


class AccountVoice:
    """See the module's docstring."""

    def __init__(self, account_id: str, roster: Roster, stage: Stage, lease: Lease, clock: Clock) -> None:
        self._id = account_id
        self._roster = roster
        self._stage = stage
        self._lease = lease
        self._clock = clock
        limits = stage.limits(account_id)
        self._queue = SendQueue(per_chat=limits.per_chat_per_minute, per_account=limits.per_account_per_minute)
        self._alarm = Alarm(clock)
        self._silence: Silence | None = None

    def wake(self) -> None:
        """The script may have other limits now."""
        limits = self._stage.limits(self._id)
        self._queue.limit(per_chat=limits.per_chat_per_minute, per_account=limits.per_account_per_minute)
        self._alarm.ring()

    def say(self, effect: SendText) -> None:
        """Say this as soon as it may be said."""
        self._queue.put(Outgoing(effect.chat, effect.text, effect.reply_to, self._clock.monotonic()))
        self._alarm.ring()

    async def run(self, connection: TelegramConnection) -> TelegramTrouble:
        """Speak over this connection until it is of no more use; why."""
        if self._silence is not None:
            await self._roster.enter(self._id, self._silence.status, self._silence.reason)
        while True:
            now = self._clock.monotonic()
            await self._end_silence(now)
            match self._queue.next(now):
                case Ready(outgoing):
                    trouble = await self._send(connection, outgoing)
                    if trouble is not None:
                        return trouble
                case Later(at):
                    await self._alarm.wait(min(at, self._silence.until if self._silence else at) - now)
                case Nothing():
                    await self._alarm.wait(self._silence.until - now if self._silence else None)

    async def _send(self, connection: TelegramConnection, outgoing: Outgoing) -> TelegramTrouble | None:
        """Send one message; what makes the connection useless, or None."""
        if not self._lease.may_run(self._clock.monotonic()):
            return Unreachable("the lease has ended")
        if not self._stage.may_speak(self._id, outgoing.chat):
            log.info("message_dropped", account=self._id, chat=outgoing.chat, reason="no chat of the script now")
            return None
        # The message that is answered is noted as heard first, or a crash after the send would answer it again.
        await self._roster.flush()
        try:
            await connection.send(peer_of(outgoing.chat), outgoing.text, outgoing.reply_to)
        except (ChatWait, FloodWait, Limited, ChatForbidden, Refused) as trouble:
            await self._held_up(outgoing, trouble)
        except TelegramTrouble as trouble:
            if not isinstance(trouble, Unanswered):
                self._queue.put_back(outgoing)
            return trouble
        else:
            self._roster.said(self._id)
        return None

    async def _held_up(self, outgoing: Outgoing, trouble: TelegramTrouble) -> None:
        now = self._clock.monotonic()
        log.info("message_held_up", account=self._id, chat=outgoing.chat, reason=str(trouble))
        match trouble:
            case ChatWait():
                self._queue.put_back(outgoing)
                self._queue.hold_chat(outgoing.chat, now + trouble.seconds)
            case FloodWait():
                self._queue.put_back(outgoing)
                until = self._clock.now() + timedelta(seconds=trouble.seconds)
                reason = f"{trouble}; until {until:%Y-%m-%d %H:%M:%S} UTC"
                await self._be_silent(Silence(now + trouble.seconds, WAITING, reason))
            case Limited():
                self._queue.clear()
                await self._be_silent(Silence(now + LIMITED_SECONDS, LIMITED, str(trouble)))
            case ChatForbidden():
                self._queue.hold_chat(outgoing.chat, now + FORBIDDEN_SECONDS)

    async def _be_silent(self, silence: Silence) -> None:
        self._silence = silence
        self._queue.hold(silence.until)
        await self._roster.enter(self._id, silence.status, silence.reason)

    async def _end_silence(self, now: float) -> None:
        if self._silence is not None and self._silence.until <= now:
            self._silence = None
            await self._roster.enter(self._id, ONLINE)
