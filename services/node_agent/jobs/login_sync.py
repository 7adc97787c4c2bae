"""Hands changed logins back while they run: each one at most every so often, and never many at once.

Whoever takes an account over after a crash begins with the state that was handed back last, and catches up from there;
the last state before an orderly end is handed back by the crew and at the agent's end.
"""

import structlog

from services.node_agent.domain.ports import HeldLogins, LedgerAway
from services.node_agent.use_cases.hand_back import HandBack
from shared.clock import Clock
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0
# In one look: a thousand accounts that change all the time are through in five minutes, and nobody is held up.
MOST_AT_ONCE = 20
# What the vault has refused once it mostly refuses again, and each refusal is a dead letter. An operator who has mended
# the cause asks for the state.
REFUSED_SECONDS = 3600.0


class LoginSync:
    """Runs until cancelled. `seconds` is how often one account's login is handed back at most."""

    def __init__(
        self, logins: HeldLogins, hand_back: HandBack, seconds: float, clock: Clock, randomness: Randomness
    ) -> None:
        self._logins = logins
        self._hand_back = hand_back
        self._seconds = seconds
        self._clock = clock
        self._randomness = randomness
        self._not_before: dict[str, float] = {}

    def refused(self, account_id: str) -> None:
        """The vault has not taken an account's state: the next one may wait."""
        self._not_before[account_id] = self._clock.monotonic() + REFUSED_SECONDS

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await self._clock.sleep(min(LOOK_SECONDS, self._seconds))
            try:
                await self._look()
            except LedgerAway as error:
                log.error("logins_not_handed_back", reason=str(error))

    async def _look(self) -> None:
        now, changed = self._clock.monotonic(), self._logins.changed()
        held = self._logins.all()
        self._not_before = {each: at for each, at in self._not_before.items() if each in held}
        for account_id in changed:
            # Spread, so that accounts that came together are not handed back together.
            pause = self._seconds * self._randomness.uniform(0.1, 1.0)
            self._not_before.setdefault(account_id, now + pause)
        due = [each for each in changed if self._not_before[each] <= now][:MOST_AT_ONCE]
        if due:
            await self._hand_back.changed(due)
            for account_id in due:
                self._not_before[account_id] = now + self._seconds
