"""Fifty moves of accounts under load, each with a fault of its own, and what must hold after each of them.

Guests ask in a chat all the time, and every account answers each of them. A move is ordered; somewhere around it an
agent is stopped, killed or cut off from the broker, a service is killed, the broker restarted, or nothing happens.
Then the account is to be online on the node that it was ordered to, every other account as well, from the newest state
that was in the vault by then; in the end the vault has the newest state from the right nodes, no login was destroyed,
and nobody was answered twice. An agent that the kernel ended is started again, as by whoever supervises it.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from tests.support.fleet import CHAT, DRIFT_MARGIN_SECONDS, LEASE_SECONDS, STOP_SECONDS, Fleet
from tests.support.moving import ask_for_state, dead_logins, order, versions, whereabouts
from tests.support.waiting import until

NOTHING, STOPPED, KILLED, CUT_OFF = "nothing", "agent stopped", "agent killed", "agent cut off"
REGISTRY, DEPLOYER, BROKER = "registry killed", "deployer killed", "broker restarted"
FAULTS = (NOTHING, STOPPED, KILLED, CUT_OFF, REGISTRY, DEPLOYER, BROKER)
# Beyond the lease, and beyond the moment at which another node may start.
LONGEST = LEASE_SECONDS + DRIFT_MARGIN_SECONDS + 3.0
GIVE_UP_SECONDS = 90.0
# Below what the script may say in a minute.
GUESTS_PAUSE = 4.0
SCRIPT = """
id: moves
chats: ["@callboard_demo"]
limits: {per_chat_per_minute: 20, per_account_per_minute: 60, late: 2m}
scenes:
  question:
    triggers: [{message: {text: "question"}}]
    steps: [{reply: "answer"}]
"""


@dataclass(frozen=True)
class Move:
    """One move, and how it ended; `seconds` from the order to online, None when that was not within time."""

    number: int
    account: str
    source: str
    target: str
    fault: str
    seconds: float | None
    behind: str = ""

    @property
    def passed(self) -> bool:
        """Whether it ended as promised."""
        return self.seconds is not None and not self.behind


@dataclass
class Said:
    """What guests asked, by message id, and how often each account has answered it."""

    asked: list[int] = field(default_factory=list)
    answers: Counter[tuple[int, int]] = field(default_factory=Counter)
    newest: int = 0

    @property
    def twice(self) -> int:
        """Questions that an account has answered more than once."""
        return sum(count > 1 for count in self.answers.values())

    def unanswered(self, accounts: int) -> int:
        """Answers that were not given."""
        return len(self.asked) * accounts - len(self.answers)


class Moves:
    """See the module's docstring. `dice` decides all of it; the fleet's logins are in its vault."""

    def __init__(self, fleet: Fleet, accounts: list[str], dice: random.Random, faults: Sequence[str] = FAULTS) -> None:
        self._fleet = fleet
        self._accounts = accounts
        self._dice = dice
        self._faults = faults
        self._deck: list[str] = []
        self._down: set[str] = set()
        self.restarts = 0
        self.said = Said()

    @contextlib.asynccontextmanager
    async def under_load(self) -> AsyncIterator[None]:
        """Guests ask, accounts answer, and agents that end are started again."""
        await self._fleet.push(SCRIPT)
        deployment = await self._fleet.deploy("moves")
        await until(lambda: self._fleet.verified(deployment), "every node plays the script", 60)
        works = [asyncio.create_task(work) for work in (self._ask(), self._supervise())]
        try:
            yield
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    async def move(self, number: int) -> Move:
        """One move of some account to another node, with the next fault of the deck."""
        account = self._dice.choice(self._accounts)
        source = str((await whereabouts(self._fleet, account)).row["node_id"])
        target = self._dice.choice([node for node in self._fleet.nodes if node != source])
        fault, began = self._next_fault(), asyncio.get_running_loop().time()
        disturbing = asyncio.create_task(self._disturb(fault, self._dice.choice((source, target))))
        await asyncio.sleep(self._dice.uniform(0, 0.6))
        await order(self._fleet, account, target)
        seconds = await self._seconds_until_there(account, target, began)
        await disturbing
        everywhere = await self._all_online()
        behind = await self._behind(account) if seconds is not None else ""
        await self._listen()
        return Move(number, account, source, target, fault, seconds if everywhere else None, behind)

    async def end(self) -> list[str]:
        """Wait until the last answers and states have come in; what is wrong in the end."""

        wrong = list[str]()
        # By themselves agents save an account's state once a minute, and hand it back some seconds after that.
        for account in self._accounts:
            await ask_for_state(self._fleet, account)

        async def handed_back() -> bool:
            return not [each for each in self._accounts if await self._is_older(each)]

        try:
            await until(handed_back, "the vault has the newest state of every account from its own node", 60)
        except AssertionError:
            older = [each for each in self._accounts if await self._is_older(each)]
            wrong += [f"{each}'s newest state is not from its own node: {await self._states(each)}" for each in older]
        await asyncio.sleep(GUESTS_PAUSE)
        await self._listen()
        wrong += [f"the login of user {each.user_id} was destroyed" for each in await dead_logins(self._fleet)]
        return wrong + await self._told_twice()

    async def _told_twice(self) -> list[str]:
        """Who answered what twice, with what the agents' logs say of the account."""
        names = {user.user_id: user.username for user in await self._fleet.sandbox.users()}
        twice = [key for key, count in self.said.answers.items() if count > 1]
        found = [f"{names.get(sender)} has answered question {question} twice" for sender, question in twice]
        for account in sorted({str(names.get(sender)) for sender, _ in twice}):
            logs = [self._fleet.home / "logs" / f"{node}.log" for node in self._fleet.nodes]
            lines = [line for log in logs for line in log.read_text().splitlines() if f'"{account}"' in line]
            found += sorted(lines, key=lambda line: line.partition('"timestamp": ')[2])
        return found

    def _next_fault(self) -> str:
        # All of them as often as each other, in an order that nobody knows.
        if not self._deck:
            self._deck = self._dice.sample(self._faults, k=len(self._faults))
        return self._deck.pop()

    async def _disturb(self, fault: str, node: str) -> None:
        fleet, dice = self._fleet, self._dice
        seconds = dice.uniform(1.0, LONGEST)
        await asyncio.sleep(dice.uniform(0, 0.6))
        match fault:
            case "agent stopped":
                fleet.processes[node].freeze()
                await asyncio.sleep(seconds)
                fleet.processes[node].thaw()
            case "agent cut off":
                fleet.links[node].cut()
                await asyncio.sleep(seconds)
                fleet.links[node].mend()
            case "agent killed":
                await self._kill(node)
            case "registry killed" | "deployer killed":
                await self._kill(fault.removesuffix(" killed"))
            case "broker restarted":
                await fleet.rabbit.stop(STOP_SECONDS)
                await fleet.rabbit.start()

    async def _kill(self, name: str) -> None:
        self._down.add(name)
        await self._fleet.kill(name)
        await asyncio.sleep(self._dice.uniform(0, 2))
        await self._fleet.start_again(name)
        self._down.discard(name)

    async def _seconds_until_there(self, account: str, node: str, began: float) -> float | None:
        loop = asyncio.get_running_loop()
        while not (await whereabouts(self._fleet, account)).is_at(node):
            if loop.time() - began > GIVE_UP_SECONDS:
                return None
            await asyncio.sleep(0.2)
        return loop.time() - began

    async def _all_online(self) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + GIVE_UP_SECONDS
        while loop.time() < deadline:
            found = [await whereabouts(self._fleet, each) for each in self._accounts]
            if all(each.is_at(str(each.row.get("node_id"))) for each in found):
                return True
            await asyncio.sleep(0.2)
        return False

    async def _behind(self, account: str) -> str:
        """What the node should have started from, if it has started from something older."""
        there = await whereabouts(self._fleet, account)
        since = datetime.fromisoformat(there.row["since"])
        before = [
            each["version"]
            for each in await versions(self._fleet, account)
            if each["epoch"] is not None
            and each["epoch"] < there.row["epoch"]
            and datetime.fromisoformat(each["stored_at"]) <= since
        ]
        newest, started_with = max(before, default=1), there.report["session_version"]
        return "" if started_with >= newest else f"started from version {started_with}, the vault had {newest}"

    async def _is_older(self, account: str) -> bool:
        """Whether the vault's newest state is not from the node that has the account; a folder keeps its own."""
        there = await whereabouts(self._fleet, account)
        if there.row.get("origin") == "folder":
            return False
        current = [each for each in await versions(self._fleet, account) if each["current"]]
        return [(each["epoch"], each["node_id"]) for each in current] != [
            (there.row.get("epoch"), there.row.get("node_id"))
        ]

    async def _states(self, account: str) -> str:
        """Where an account is, and what the vault has of it."""
        row = (await whereabouts(self._fleet, account)).row
        had = [
            f"version {each['version']} of epoch {each['epoch']} from {each['node_id']}{', current' * each['current']}"
            for each in await versions(self._fleet, account)
        ]
        return f"{row.get('state')} on {row.get('node_id')} in epoch {row.get('epoch')}; " + "; ".join(had)

    async def _ask(self) -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                asked = await self._fleet.sandbox.say(CHAT, self._fleet.guest, "question")
                self.said.asked.append(asked.message_id)
                self.said.newest = self.said.newest or asked.message_id - 1
            await asyncio.sleep(GUESTS_PAUSE)

    async def _listen(self) -> None:
        """Take in what was said since; the sandbox does not keep everything."""
        while found := await self._fleet.sandbox.messages(CHAT, after=self.said.newest, limit=1000):
            self.said.newest = max(each.message_id for each in found)
            self.said.answers.update(
                (each.sender_id, each.reply_to)
                for each in found
                if each.reply_to is not None and each.sender_id != self._fleet.guest
            )

    async def _supervise(self) -> None:
        while True:
            for node in self._fleet.nodes:
                if node not in self._down and not self._fleet.processes[node].running:
                    self.restarts += 1
                    await self._fleet.start_again(node)
            await asyncio.sleep(0.3)
