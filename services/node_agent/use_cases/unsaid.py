"""What the accounts have still to say, the same in memory and in the ledger: a queue for each, and its silence.

It outlives connections, runners and the agent. Scripts put things in, the accounts' voices ask what comes next and tell
what became of it; every change is noted in the journal at once. What is dropped is logged here, always with the reason,
because nobody else would ever know. The queues count in monotonic seconds, the journal and the ledger in epoch seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from services.node_agent.domain.journal import Journal
from services.node_agent.domain.sending import Later, Nothing, Outgoing, Ready, SendQueue, Silence
from shared.clock import Clock
from shared.randomness import Randomness
from shared.scripts import Limits, React, SendText

log = structlog.get_logger(__name__)


@dataclass
class _Mouth:
    queue: SendQueue
    silence: Silence | None = None


class Unsaid:
    """See the module's docstring."""

    def __init__(self, journal: Journal, clock: Clock, randomness: Randomness) -> None:
        self._journal = journal
        self._clock = clock
        self._randomness = randomness
        self._mouths: dict[str, _Mouth] = {}
        self._last_number = 0

    def restore(self, sends: Mapping[str, Sequence[Outgoing]], silences: Mapping[str, Silence]) -> None:
        """Go on where the ledger says that the agent ended."""
        offset = self._offset()
        for account_id, kept in sends.items():
            self._last_number = max(self._last_number, *(each.number for each in kept))
            self._mouth(account_id).queue.restore(_moved(each, -offset) for each in kept)
        for account_id, silence in silences.items():
            self._hush(account_id, replace(silence, until=silence.until - offset))

    def limit(self, account_id: str, limits: Limits) -> None:
        """The account's script has these limits."""
        self._mouth(account_id).queue.limit(limits)

    def say(self, account_id: str, script_id: str, effect: SendText | React) -> None:
        """The account's script wants this said."""
        self._last_number += 1
        outgoing = Outgoing(self._last_number, script_id, effect, self._random_id(), self._clock.monotonic())
        self._mouth(account_id).queue.put(outgoing)
        self._note(account_id, outgoing)
        self._tell_dropped(account_id)

    def next(self, account_id: str) -> Ready | Later | Nothing:
        """What the account says next. It stays here until it is said or dropped."""
        found = self._mouth(account_id).queue.next(self._clock.monotonic())
        self._tell_dropped(account_id)
        return found

    def attempt(self, account_id: str, outgoing: Outgoing) -> Outgoing:
        """Telegram is about to be asked for it."""
        attempted = self._mouth(account_id).queue.attempt(outgoing, self._clock.monotonic())
        self._note(account_id, attempted)
        return attempted

    def put_back(self, account_id: str, outgoing: Outgoing) -> None:
        """Nothing came of the attempt; `outgoing` is what it was before."""
        self._mouth(account_id).queue.put_back(outgoing)
        self._note(account_id, outgoing)

    def said(self, account_id: str, outgoing: Outgoing) -> None:
        """It is known to be said."""
        self._note(account_id, self._mouth(account_id).queue.said(outgoing, self._clock.monotonic()))

    def drop(self, account_id: str, outgoing: Outgoing, reason: str) -> None:
        """It will not be said."""
        self._mouth(account_id).queue.drop(outgoing, reason)
        self._tell_dropped(account_id)

    def hold(self, account_id: str, seconds: float) -> None:
        """The account says nothing for a moment that is not worth showing."""
        self._mouth(account_id).queue.hold(self._clock.monotonic() + seconds)

    def hold_chat(self, account_id: str, chat: str, seconds: float) -> None:
        """The account says nothing in this chat for so long."""
        self._mouth(account_id).queue.hold_chat(chat, self._clock.monotonic() + seconds)

    def be_silent(self, account_id: str, silence: Silence) -> None:
        """The account says nothing at all until then."""
        self._hush(account_id, silence)
        self._journal.of(account_id).silence = replace(silence, until=silence.until + self._offset())

    def silence(self, account_id: str) -> Silence | None:
        """Why the account says nothing now."""
        silence = self._mouth(account_id).silence
        return silence if silence is not None and silence.until > self._clock.monotonic() else None

    def forget(self, account_id: str) -> None:
        """The account is no longer on this node."""
        self._mouths.pop(account_id, None)

    def _hush(self, account_id: str, silence: Silence) -> None:
        mouth = self._mouth(account_id)
        mouth.silence = silence
        mouth.queue.hold(silence.until)

    def _mouth(self, account_id: str) -> _Mouth:
        mouth = self._mouths.get(account_id)
        if mouth is None:
            mouth = self._mouths[account_id] = _Mouth(SendQueue(Limits()))
        return mouth

    def _note(self, account_id: str, outgoing: Outgoing) -> None:
        self._journal.of(account_id).sends[outgoing.number] = _moved(outgoing, self._offset())

    def _tell_dropped(self, account_id: str) -> None:
        for dropped in self._mouth(account_id).queue.take_dropped():
            self._journal.of(account_id).sends[dropped.outgoing.number] = None
            log.warning("message_dropped", account=account_id, chat=dropped.outgoing.chat,
                        script=dropped.outgoing.script_id, reason=dropped.reason)  # fmt: skip

    def _offset(self) -> float:
        """From monotonic to epoch seconds."""
        return self._clock.now().timestamp() - self._clock.monotonic()

    def _random_id(self) -> int:
        """64 bits, signed, and not 0, which is none to Telegram."""
        bits = int(self._randomness.new_id()[:16], 16)
        return (bits - 2**63) or 1


def _moved(outgoing: Outgoing, seconds: float) -> Outgoing:
    def moved(at: float | None) -> float | None:
        return None if at is None else at + seconds

    return replace(
        outgoing,
        queued_at=outgoing.queued_at + seconds,
        attempted_at=moved(outgoing.attempted_at),
        said_at=moved(outgoing.said_at),
    )
