"""Agents killed with SIGKILL while guests talk to their accounts.

The seed is printed with a failure; `CALLBOARD_FAULT_SEED` repeats a run's choices.
"""

import asyncio
import os
import random
import secrets

import pytest

from services.telegram_sandbox.api.bodies import MessageRow
from tests.fault.checks import no_account_event_is_lost
from tests.fault.scripts import DESK, TOUR
from tests.support.fleet import CHAT, Fleet
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

KILLS = 8
TOURISTS = 2


class Desk:
    """The guests, and what they have asked: message ids in their order."""

    def __init__(self, fleet: Fleet, tourists: list[int]) -> None:
        self.fleet, self._tourists = fleet, tourists
        self.counts: list[int] = []
        self.tours: list[int] = []

    async def count(self) -> None:
        """The regular guest comes again."""
        self.counts.append((await self.fleet.sandbox.say(CHAT, self.fleet.guest, "/count")).message_id)

    async def tour(self) -> None:
        """A new guest asks for the tour."""
        self.tours.append((await self.fleet.sandbox.say(CHAT, self._tourists.pop(), "/tour")).message_id)

    async def said(self) -> dict[str, list[MessageRow]]:
        """What was said in the chat, by the username of who said it, in order; the guests too."""
        found: dict[str, list[MessageRow]] = {}
        for row in await self.fleet.sandbox.messages(CHAT, limit=1000):
            if row.action is None:
                found.setdefault(row.sender or "", []).append(row)
        return found

    def wanted(self) -> dict[int, list[str]]:
        """What each account has to answer to which message."""
        counts = {asked: [f"{number} of {number}"] for number, asked in enumerate(self.counts, 1)}
        return counts | {asked: list(TOUR) for asked in self.tours}


@pytest.mark.usefixtures("nobody_before")
async def test_guests_are_answered_once_whenever_the_agents_are_killed(fleet: Fleet) -> None:
    """A crash would answer somebody twice or never, leave him in the middle of a scene, or count wrongly."""
    seed = int(os.environ.get("CALLBOARD_FAULT_SEED", secrets.randbelow(2**31)))
    print(f"CALLBOARD_FAULT_SEED={seed}")
    dice = random.Random(seed)
    await fleet.push(DESK)
    deployment = await fleet.deploy("desk")

    async def verified() -> bool:
        return await fleet.verified(deployment)

    await until(verified, "every node plays the script", 30)
    tourists = [(await fleet.sandbox.add_user(f"Tourist {number}")).user_id for number in range(TOURISTS)]
    await fleet.sandbox.add_members(CHAT, tourists)
    desk = Desk(fleet, tourists)
    for kill in range(KILLS):
        await desk.count()
        if kill % (KILLS // TOURISTS) == 1:
            await desk.tour()
        await asyncio.sleep(dice.uniform(0, 0.12))  # a random moment between the question and the last answer
        node = dice.choice(fleet.nodes)
        await fleet.kill(node)
        await asyncio.sleep(dice.uniform(0, 0.3))
        await fleet.start_again(node)
        await asyncio.sleep(dice.uniform(0, 2))  # from hardly started to back at work
    await _said_and_counted(desk)
    await no_account_event_is_lost(fleet)
    fleet.assert_alive()


async def _said_and_counted(desk: Desk) -> None:
    wanted, accounts = desk.wanted(), [row["account_id"] for row in await desk.fleet.accounts()]
    most = sum(map(len, wanted.values()))

    async def all_said() -> bool:
        said = await desk.said()
        return all(len(said.get(account, [])) >= most for account in accounts)

    await until(all_said, "every account has answered everything", 30)
    said = await desk.said()
    for account in accounts:
        told: dict[int, list[str]] = {}
        for row in said[account]:
            told.setdefault(row.reply_to or 0, []).append(row.text)
        assert told == wanted, f"{account} answered wrongly"
        firsts = [row.reply_to for row in said[account] if row.text not in TOUR[1:]]
        assert firsts == sorted(wanted), f"{account} answered in the wrong order"
    everything = sum(map(len, said.values()))

    async def all_counted() -> bool:
        counted = {row["account_id"]: (row["reply_count"], row["message_count"]) for row in await desk.fleet.accounts()}
        return counted == dict.fromkeys(accounts, (most, everything - most))

    await until(all_counted, "the counters are what was said and heard", 15)
