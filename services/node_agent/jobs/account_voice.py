"""What one account says, one message after the other: within its limits, while it may, only where it may.

What is to be said is `Unsaid`'s and outlives this voice, its runner and the agent. It is in the ledger, marked as
attempted, before Telegram is asked for it, and is counted in the transaction that takes it out again. So a crash leaves
no doubt about what may have been said: that is asked for again under its random id, which Telegram takes only once.
What follows when something goes wrong is decided by `domain.consequences`.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog

from services.node_agent.domain.account_states import ONLINE
from services.node_agent.domain.consequences import Fate, GoOn, HoldChat, Leave, Pause, Rest, after_saying
from services.node_agent.domain.reasons import NOT_OURS_ADVICE, rest_reason
from services.node_agent.domain.sending import Later, Nothing, Outgoing, Ready, Silence
from services.node_agent.domain.telegram import TelegramConnection, TelegramTrouble, Unreachable
from services.node_agent.use_cases.roster import Roster
from services.node_agent.use_cases.stage import Stage
from services.node_agent.use_cases.unsaid import Unsaid
from shared.alarm import Alarm
from shared.clock import Clock
from shared.scripts import React, SendText, peer_of

log = structlog.get_logger(__name__)


class AccountVoice:
    """See the module's docstring."""

    def __init__(
        self, account_id: str, roster: Roster, unsaid: Unsaid, stage: Stage, may_run: Callable[[], bool], clock: Clock
    ) -> None:
        self._id = account_id
        self._roster = roster
        self._unsaid = unsaid
        self._stage = stage
        self._may_run = may_run
        self._clock = clock
        self._alarm = Alarm(clock)
        self._shown: Silence | None = None
        self.wake()

    def wake(self) -> None:
        """The script may have other limits now."""
        self._unsaid.limit(self._id, self._stage.limits(self._id))
        self._alarm.ring()

    def say(self, effect: SendText | React) -> None:
        """Say this as soon as it may be said."""
        script_id = self._stage.script_id(self._id)
        assert script_id is not None, "a script that is not loaded wants something said"
        self._unsaid.say(self._id, script_id, effect)
        self._alarm.ring()

    async def run(self, connection: TelegramConnection) -> TelegramTrouble:
        """Speak over this connection until it is of no more use; why."""
        self._shown = None
        while True:
            silence = await self._show_silence()
            until = silence.until if silence is not None else None
            match self._unsaid.next(self._id):
                case Ready(outgoing):
                    trouble = await self._speak(connection, outgoing)
                    if trouble is not None:
                        return trouble
                case Later(at):
                    await self._wait(at if until is None else min(at, until))
                case Nothing():
                    await self._wait(until)

    async def _speak(self, connection: TelegramConnection, outgoing: Outgoing) -> TelegramTrouble | None:
        """Say one thing; what makes the connection useless, or None."""
        attempted = self._unsaid.attempt(self._id, outgoing)
        try:
            await self._roster.flush()
        except BaseException:
            self._unsaid.put_back(self._id, outgoing)
            raise
        # Asked at the last moment: the ledger may have taken its time.
        if not self._may_run():
            self._unsaid.put_back(self._id, outgoing)
            return Unreachable(
                "the lease has ended, or the account is no longer assigned to this node", NOT_OURS_ADVICE
            )
        if not self._stage.may_say(self._id, outgoing.script_id, outgoing.chat):
            self._unsaid.drop(self._id, outgoing, "the account does not play this script in this chat any more")
            return None
        try:
            await _carry(connection, outgoing)
        except TelegramTrouble as trouble:
            return self._went_wrong(outgoing, trouble)
        self._unsaid.said(self._id, attempted)
        if isinstance(outgoing.effect, SendText):
            self._roster.said(self._id)
        return None

    def _went_wrong(self, outgoing: Outgoing, trouble: TelegramTrouble) -> TelegramTrouble | None:
        """What becomes of the message and of the account; the trouble if the connection is useless."""
        verdict = after_saying(trouble)
        log.info("message_went_wrong", account=self._id, chat=outgoing.chat, message=verdict.message.value,
                 reason=str(trouble))  # fmt: skip
        match verdict.message:
            case Fate.NOT_SAID:
                self._unsaid.put_back(self._id, outgoing)
            case Fate.REFUSED:
                self._unsaid.drop(self._id, outgoing, str(trouble))
            case Fate.UNCERTAIN:
                pass  # it stays as attempted
        match verdict.account:
            case Leave():
                return trouble
            case Rest(status=status, seconds=seconds):
                reason = rest_reason(trouble, status, self._clock.now() + timedelta(seconds=seconds))
                self._unsaid.be_silent(self._id, Silence(self._clock.monotonic() + seconds, status, reason))
            case HoldChat(seconds=seconds):
                self._unsaid.hold_chat(self._id, outgoing.chat, seconds)
            case Pause(seconds=seconds):
                self._unsaid.hold(self._id, seconds)
            case GoOn():
                pass
        return None

    async def _show_silence(self) -> Silence | None:
        """Let the operator see that the account is silent, or that it is no more."""
        silence = self._unsaid.silence(self._id)
        if silence != self._shown:
            if silence is None:
                await self._roster.enter(self._id, ONLINE)
            else:
                await self._roster.enter(self._id, silence.status, silence.reason)
            self._shown = silence
        return silence

    async def _wait(self, until: float | None) -> None:
        await self._alarm.wait(None if until is None else until - self._clock.monotonic())


async def _carry(connection: TelegramConnection, outgoing: Outgoing) -> None:
    match outgoing.effect:
        case SendText(chat=chat, text=text, reply_to=reply_to):
            await connection.send(peer_of(chat), text, reply_to, outgoing.random_id)
        case React(chat=chat, message_id=message_id, emoji=emoji):
            await connection.react(peer_of(chat), message_id, emoji)
