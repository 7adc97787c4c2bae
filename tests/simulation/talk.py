"""Guests who talk to accounts that are killed all the time, and what must have been said in the end.

The script counts what each regular says, in a variable of the conversation, and takes everybody who asks on a tour of
three answers with waits between. So a trigger that is answered twice, or never, or by a conversation that has lost its
place, shows in the words. `misspoken` compares what was said with what the guests said, word for word.
"""

import random

from services.node_agent.domain.telegram import ChatWait, FloodWait, ServerTrouble, TelegramTrouble, Unanswered
from services.node_agent.telegram.in_memory import Said
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.machines import Machine

REGULARS = (2, 3)
FIRST_TOURIST = 10_000
# From a message that comes in until its answer is out, an agent gives way about so often.
MOST_ROUNDS = 120
TOUR = ("begin", "middle", "end")


def desk(place: int, late: str) -> str:
    """The script, for the chat of a machine."""
    return f"""
id: desk{place}
chats: ["{-1000 - place}"]
limits: {{per_chat_per_minute: 20, per_account_per_minute: 60, late: {late}}}
variables: {{visits: 0}}
scenes:
  count:
    triggers: [{{command: /count}}]
    steps:
      - set: {{visits: "{{{{ visits + 1 }}}}"}}
      - reply: "count {{{{ visits }}}}"
  tour:
    triggers: [{{command: /tour}}]
    steps:
      - reply: begin
      - wait: [1s, 20s]
      - react: "👍"
      - reply: middle
      - wait: 10s
      - reply: end
"""


class Talk:
    """The guests of one machine, and what happens to it while they talk. The same seed is the same talk."""

    def __init__(self, fleet: SimulatedFleet, place: int, seed: int) -> None:
        self._fleet = fleet
        self._machine: Machine = fleet.machines[place]
        self._chat = fleet.chat(place)
        self._dice = random.Random(f"{seed} {place}")
        self.asked: dict[int, list[int]] = {guest: [] for guest in REGULARS}
        self.tours: list[int] = []
        self.kills = 0

    async def go_on(self, seconds: float) -> None:
        """Talk, be interrupted, and talk on."""
        clock, dice = self._fleet.clock, self._dice
        until = clock.monotonic() + seconds
        while clock.monotonic() < until:
            await clock.sleep(dice.uniform(0.5, 12))
            self._trouble()
            self._say()
            match dice.choices(("nothing", "killed", "cut off"), weights=(14, 5, 1))[0]:
                case "killed":
                    await self._fleet.rounds(dice.randrange(MOST_ROUNDS))
                    await self._machine.kill()
                    self.kills += 1
                    await clock.sleep(dice.uniform(0, 15))
                    self._machine.start()
                case "cut off":
                    # From the registry, long enough for the lease to lapse; guests do not know and talk on.
                    self._machine.cut()
                    await clock.sleep(dice.uniform(0, 45))
                    self._say()
                    await clock.sleep(dice.uniform(0, 15))
                    self._machine.mend()

    def misspoken(self, *, complete: bool) -> list[str]:
        """What accounts have said twice, in the wrong order or wrongly; if `complete`, also what they have not said."""
        found = []
        for account in self._machine.accounts:
            own = self._fleet.telegram.user_of(account)
            said = [each for each in self._said() if each.sender_id == own]
            found += [f"{account}: {each}" for each in self._wrong(said, complete)]
            if complete:
                missing = [
                    each.message_id for each in self._said() if each.text == "/tour" and own not in each.reactions
                ]
                found += [f"{account} has not reacted to {each}" for each in missing]
        return found

    async def miscounted(self, *, complete: bool) -> list[str]:
        """Accounts whose counters are not what they heard and said. What is not asked for again is never known."""
        found = []
        for account, report in (await self._machine.reports()).items():
            own = self._fleet.telegram.user_of(account)
            replies = sum(each.sender_id == own for each in self._said())
            heard = len(self._said()) - replies
            if report.message_count != heard:
                found.append(f"{account} counts {report.message_count} messages, it heard {heard}")
            if report.reply_count > replies or (complete and report.reply_count != replies):
                found.append(f"{account} counts {report.reply_count} replies, it said {replies}")
        return found

    def _said(self) -> list[Said]:
        return [each for each in self._fleet.telegram.said if each.chat_id == self._chat]

    def _wrong(self, said: list[Said], complete: bool) -> list[str]:
        answers: dict[int | None, list[str]] = {}
        for each in said:
            answers.setdefault(each.reply_to, []).append(each.text)
        firsts = [each.reply_to or 0 for each in said if each.text not in TOUR[1:]]
        found = [] if firsts == sorted(firsts) else [f"answered in the order {firsts}"]
        wanted: dict[int, list[str]] = {asked: list(TOUR) for asked in self.tours}
        for messages in self.asked.values():
            wanted |= {asked: [f"count {number}"] for number, asked in enumerate(messages, 1)}
        for asked in wanted.keys() | answers.keys():
            right, told = wanted.get(asked or 0, []), answers.get(asked, [])
            if told != right and (complete or not _is_part(told, right)):
                found.append(f"message {asked} was answered with {told} instead of {right}")
        return found

    def _say(self) -> None:
        if self._dice.random() < 0.3:
            self.tours.append(self._fleet.telegram.say(self._chat, FIRST_TOURIST + len(self.tours), "/tour"))
        else:
            guest = self._dice.choice(REGULARS)
            self.asked[guest].append(self._fleet.telegram.say(self._chat, guest, "/count"))

    def _trouble(self) -> None:
        """Now and then Telegram makes it hard."""
        account, telegram = self._dice.choice(self._machine.accounts), self._fleet.telegram
        sending: list[TelegramTrouble] = [
            FloodWait(self._dice.uniform(1, 15), "sending"),
            ChatWait(self._dice.uniform(1, 10)),
            ServerTrouble("500"),
        ]
        match self._dice.choice(("nothing", "nothing", "sending", "lost answer", "cut")):
            case "sending":
                telegram.send_troubles[account].append(self._dice.choice(sending))
            case "lost answer":
                telegram.lost_answers[account].append(self._dice.choice((Unanswered("late"), ServerTrouble("500"))))
            case "cut":
                telegram.drop(account)


def _is_part(told: list[str], right: list[str]) -> bool:
    """Whether what was told is what should have been, in its order, with something missing."""
    left = iter(right)
    return all(each in left for each in told)
