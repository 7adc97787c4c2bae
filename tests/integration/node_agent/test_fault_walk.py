"""Every trouble in docs/accounts.md, done to a real client while it connects and while it speaks, all at once.

Each row has two accounts of its own, which meet its error once (or for ever, where nothing is tried again). Beside them
one account goes on answering: it must not notice anything.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from telethon.errors import rpcerrorlist
from telethon.errors.rpcbaseerrors import RPCError

from services.node_agent.store.session_files import SessionFolder
from services.node_agent.telegram.sessions import Place
from services.node_agent.telegram.telethon_client import TelethonTelegram
from services.telegram_sandbox.api.bodies import MessageRow
from services.telegram_sandbox.faults import AnyFault, LostAnswer, RpcFailure, TransportFailure
from tests.contract.node_agent.telegram_worlds import SandboxWorld
from tests.integration.node_agent.live_agent import LiveAgent, put_session
from tests.support.account_docs import Follows, Said, everything_said, everything_that_follows
from tests.support.agent.orders import script
from tests.support.waiting import until

WITNESS = "witness"
WAIT = 2
ASKED_WHILE_CONNECTING, ASKED_WHILE_SPEAKING = "users.getUsers", "messages.sendMessage"


@dataclass(frozen=True)
class Case:
    """One row of the first table, met in one of the two ways."""

    account_id: str
    said: Said
    follows: Follows
    speaking: bool

    @property
    def expected(self) -> str:
        """The state that the operator sees."""
        return self.follows.speaking if self.speaking else self.follows.connecting

    @property
    def lasts(self) -> bool:
        """Whether nothing is tried again."""
        return self.follows.again == "never"

    def fault(self, user_id: int) -> AnyFault | None:
        """What makes the sandbox say it; None where the session file does."""
        method = ASKED_WHILE_SPEAKING if self.speaking else ASKED_WHILE_CONNECTING
        times = None if self.lasts else 1
        match self.said.name:
            case name if self.said.is_named and name.startswith("-"):
                return TransportFailure(code=-int(name), user_id=user_id, times=times)
            case name if self.said.is_named:
                error = name.replace("_X", f"_{WAIT}")
                return RpcFailure(method=method, code=code_of(name), error=error, user_id=user_id, times=times)
            case "another error of 500 and more":
                return RpcFailure(method=method, code=500, error="INTERNAL", user_id=user_id, times=times)
            case "any other error":
                return RpcFailure(method=method, code=400, error="SOMETHING_NEW", user_id=user_id, times=times)
            case "the connection ends, or there is none":
                return TransportFailure(code=444, user_id=user_id, times=times)
            case "no answer in time, or the connection ends under a request":
                return LostAnswer(method=method, cut=True, user_id=user_id, times=times)
            case "nothing: the session file is none":
                return None
        raise AssertionError(f"nobody knows how to make the sandbox say {self.said.name!r}")


def code_of(name: str) -> int:
    """The code that Telegram sends with an error."""
    numbered = {pattern.replace(r"(\\d+)", "X"): kind for pattern, kind in rpcerrorlist.rpc_errors_re}
    kind: type[RPCError] | None = (rpcerrorlist.rpc_errors_dict | numbered).get(name)
    return int(kind.code) if kind is not None and kind.code is not None else 400


def every_case() -> list[Case]:
    """All of them."""
    follows = everything_that_follows()
    cases = []
    for number, said in enumerate(everything_said()):
        cases.append(Case(f"c{number}", said, follows[said.kind], speaking=False))
        if said.kind != "unusable session":
            cases.append(Case(f"s{number}", said, follows[said.kind], speaking=True))
    return cases


class Walk:
    """The sandbox, the agent, and what has become of each account."""

    def __init__(self, world: SandboxWorld, agent: LiveAgent, cases: list[Case]) -> None:
        self.world, self.agent, self.cases = world, agent, cases
        self.users: dict[str, int] = {}

    @classmethod
    async def open(cls, home: Path, cases: list[Case]) -> "Walk":
        """Everybody is there, and the agent does not run yet."""
        world = await SandboxWorld.open(home)
        place = world.sandbox.place
        folder = SessionFolder(home / "walk")
        telegram = TelethonTelegram(1, "sandbox", folder, Place(place.dc_id, place.address, place.port))
        walk = cls(world, LiveAgent(home, telegram, folder), cases)
        for account_id in [WITNESS, *(case.account_id for case in cases)]:
            user = await world.admin.add_user(account_id)
            walk.users[account_id] = user.user_id
            put_session(home / "walk", account_id, await world.admin.add_session(user.user_id))
        for case in cases:
            if case.said.kind == "unusable session":
                (home / "walk" / f"{case.account_id}.session").write_bytes(b"no session at all")
        return walk

    async def close(self) -> None:
        """End everything."""
        await self.agent.close()
        await self.world.close()

    async def inject(self, case: Case) -> None:
        """Let the account meet its trouble next."""
        fault = case.fault(self.users[case.account_id])
        if fault is not None:
            await self.world.admin.inject(fault)

    async def greet(self, account_id: str) -> None:
        """The guest says hello in private."""
        await self.world.admin.say_privately(self.world.guest_id, self.users[account_id], "/hello")

    async def answers(self, account_id: str) -> list[MessageRow]:
        """What the account has said to the guest."""
        rows = await self.world.admin.private_messages(self.world.guest_id, self.users[account_id])
        return [row for row in rows if row.sender_id == self.users[account_id]]

    async def wrongly_said(self, cases: list[Case]) -> list[str]:
        """Whose message was not said as often as the document says."""
        found = []
        for case in cases:
            said = len(await self.answers(case.account_id))
            if said != (case.follows.message == "said later"):
                found.append(f"{case.account_id}, {case.said.name}: its message was said {said} times")
        return found

    def all_problems(self) -> list[str]:
        """Of every row."""
        return [problem for case in self.cases for problem in self.problems(case)]

    def problems(self, case: Case) -> list[str]:
        """What is otherwise than the document says, as far as it can be seen from the account's states."""
        found, name = [], f"{case.account_id}, {case.said.name}, {'speaking' if case.speaking else 'connecting'}"
        states = self.agent.registry.statuses(case.account_id)
        if case.expected not in states:
            found.append(f"{name}: it was never {case.expected}, but {states}")
        told = [reason for reason in self.agent.registry.reasons(case.account_id, case.expected) if reason]
        if case.expected != "online" and not any(_explains(reason, case) for reason in told):
            found.append(f"{name}: no reason that explains it in {told}")
        if states[-1] != ("error" if case.lasts else "limited" if case.expected == "limited" else "online"):
            found.append(f"{name}: in the end it is {states[-1]}")
        if case.lasts and self.agent.telegram.connects[case.account_id] != 1:
            found.append(f"{name}: it was tried {self.agent.telegram.connects[case.account_id]} times")
        if case.expected == "online" and states != ["stopped", "connecting", "online"] and case.speaking:
            found.append(f"{name}: it went through {states}")
        return found


@pytest.fixture
async def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Walk]:
    """All rows; what takes a minute for a good reason takes seconds here."""
    monkeypatch.setattr("services.node_agent.telegram.troubles.TRANSPORT_FLOOD_SECONDS", float(WAIT))
    monkeypatch.setattr("services.node_agent.domain.consequences.TROUBLED_SECONDS", float(WAIT))
    opened = await Walk.open(tmp_path, every_case())
    yield opened
    await opened.close()


async def test_the_walk_through_every_trouble_there_is(walk: Walk) -> None:
    """A trouble that leads elsewhere than the document says leaves an operator waiting for what will not come."""
    connecting = [case for case in walk.cases if not case.speaking]
    speaking = [case for case in walk.cases if case.speaking]
    for case in connecting:
        await walk.inject(case)
    async with walk.agent.running():
        await walk.agent.until_status("online", [case.account_id for case in speaking] + [WITNESS], 60)
        await walk.agent.play(script("hi").replace("@demo_chat", "private"))
        for number, case in enumerate(speaking):
            await walk.inject(case)
            await walk.greet(case.account_id)
            # A script's limits allow ten answers a minute in one chat.
            if number % 10 == 0:
                await walk.greet(WITNESS)

        async def settled() -> bool:
            return not walk.all_problems() and not await walk.wrongly_said(speaking)

        with contextlib.suppress(AssertionError):
            await until(settled, "everything is as the document says", 30)
        assert walk.all_problems() == []
        assert await walk.wrongly_said(speaking) == []
        assert len(await walk.answers(WITNESS)) == len(speaking[::10])
    assert walk.agent.registry.statuses(WITNESS)[:3] == ["stopped", "connecting", "online"]
    assert walk.agent.telegram.connects[WITNESS] == 1


def _explains(reason: str, case: Case) -> bool:
    """Whether a reason says what happened, what Callboard does, and what helps."""
    happened = case.said.meaning if case.said.is_named and "wait" not in case.said.kind else ""
    # A suspect login is not given up yet: it needs nothing as long as Callboard asks.
    helps = case.said.helps if case.said.is_named and case.said.kind != "suspect login" else ""
    return happened in reason and "Callboard" in reason and helps in reason
