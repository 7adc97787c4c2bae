"""Accounts that lose Telegram, again and again, while guests talk: what they hear, say, and how soon they are back."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from services.node_agent.domain.telegram import IncomingMessage
from services.node_agent.store.session_files import SessionFolder
from services.node_agent.telegram.sessions import Place
from services.node_agent.telegram.telethon_client import TelethonTelegram, trust_sandbox
from services.telegram_sandbox.api.bodies import ReadySessionRow
from tests.integration.node_agent.live_agent import LiveAgent, SandboxProcess, answered, put_session
from tests.support.agent.orders import script
from tests.support.waiting import reaches, until

ACCOUNTS = ["anna", "bert", "cleo"]


@dataclass
class Hall:
    """A supergroup and a group with all accounts and a guest, on a sandbox that can be killed."""

    sandbox: SandboxProcess
    agent: LiveAgent
    users: dict[str, int]
    sessions: dict[str, ReadySessionRow]
    guest: int
    chats: list[int]

    @classmethod
    async def open(cls, home: Path, **settings: str) -> "Hall":
        """Everything but the agent, running."""
        sandbox = SandboxProcess(home, **settings)
        await sandbox.start()
        admin, folder = sandbox.admin, SessionFolder(home / "sessions")
        server = await admin.server()
        (home / "sandbox.pem").write_text(server.public_key)
        trust_sandbox(home / "sandbox.pem")
        users = {each: (await admin.add_user(each, f"{each}_acts")).user_id for each in ACCOUNTS}
        guest = (await admin.add_user("Gil", "gil_the_guest")).user_id
        members = [guest, *users.values()]
        chats = [
            (await admin.add_chat("The hall", "demo_chat", members)).chat_id,
            (await admin.add_chat("The wings", None, members, kind="group")).chat_id,
        ]
        sessions = {each: await admin.add_session(user_id) for each, user_id in users.items()}
        for each, ready in sessions.items():
            put_session(home / "sessions", each, ready)
        place = Place(server.dc_id, server.address, server.port)
        agent = LiveAgent(home, TelethonTelegram(1, "sandbox", folder, place), folder)
        return cls(sandbox, agent, users, sessions, guest, chats)

    async def close(self) -> None:
        """End everything."""
        await self.agent.close()
        await self.sandbox.close()

    def said(self) -> set[tuple[int, int]]:
        """Chat and number of everything that the guest has said in the chats, as the sandbox has it."""
        return {(chat, row["id"]) for chat, row in self.sandbox.stored() if row["sender_id"] == self.guest}

    def heard(self, account_id: str) -> list[tuple[int, int]]:
        """Chat and number of what an account was told, in order, repeats and all."""
        heard = self.agent.telegram.heard[account_id]
        return [(each.chat_id, each.message_id) for each in heard if isinstance(each, IncomingMessage)]


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    """A hall on a sandbox that forgets no message."""
    opened = await Hall.open(tmp_path, history="100000")
    yield opened
    await opened.close()


async def talk(hall: Hall, until_done: asyncio.Event) -> None:
    """The guest talks without a pause for breath, through every outage; not faster than two cores can hand it on.

    In the hall each line names one account and is a reply to the guest's own last one: whom it answers has to be asked
    for, so there are always messages that were taken and are not handed on yet.
    """
    number, last = 0, None
    while not until_done.is_set():
        number += 1
        with contextlib.suppress(httpx.TransportError):
            await hall.sandbox.admin.say(hall.chats[1], hall.guest, f"line {number}")
            row = await hall.sandbox.admin.say(hall.chats[0], hall.guest, f"@anna_acts line {number}", last)
            last = row.message_id
        await asyncio.sleep(0.03)


async def cut_at_random(hall: Hall, dice: random.Random, until_done: asyncio.Event) -> None:
    """Connections are cut, one at a time, whatever is under way on them."""
    while not until_done.is_set():
        with contextlib.suppress(httpx.TransportError):
            await hall.sandbox.admin.drop(hall.sessions[dice.choice(ACCOUNTS)].key_id)
        await asyncio.sleep(dice.uniform(0.2, 1.0))


async def test_nothing_is_lost_and_nothing_counts_twice_while_everything_breaks(hall: Hall) -> None:
    """Messages that were taken from the wire, but not handed on, when a connection died would be gone for ever."""
    done, dice = asyncio.Event(), random.Random(11)
    async with hall.agent.running():
        await hall.agent.until_status("online", ACCOUNTS)
        talking = [asyncio.create_task(work) for work in (talk(hall, done), cut_at_random(hall, dice, done))]
        for _ in range(3):
            await asyncio.sleep(dice.uniform(2.0, 4.0))
            await hall.sandbox.kill()
            await hall.sandbox.start()
        await asyncio.sleep(1.0)
        await until(lambda: any(each.done() for each in talking) or len(hall.said()) > 300, "enough is said", 60)
        done.set()
        await asyncio.gather(*talking)
        said = hall.said()
        assert len(said) > 300
        await until(lambda: all(said <= set(hall.heard(each)) for each in ACCOUNTS), "everything is heard", 30)
        await hall.agent.until_status("online", ACCOUNTS, 30)
        counted = [len(said)] * len(ACCOUNTS)
        await reaches(lambda: [hall.agent.row(each).message_count for each in ACCOUNTS], counted, "the counters")
        assert all(set(hall.heard(each)) == said for each in ACCOUNTS)
    assert sum(hall.agent.telegram.connects.values()) > 12


async def test_the_return_of_the_server_is_noticed_within_five_seconds(hall: Hall) -> None:
    """Guests would wait for an answer for as long as the back-off happens to be."""
    async with hall.agent.running():
        await hall.agent.until_status("online", ACCOUNTS)
        await hall.agent.play(script("hi"))
        for number in range(2):
            await hall.sandbox.kill()
            await hall.agent.until_status("connecting", ACCOUNTS)
            assert "Callboard connects again by itself" in (hall.agent.row("anna").status_reason or "")
            await asyncio.sleep(8.0)
            await hall.sandbox.start()
            began = asyncio.get_running_loop().time()
            await hall.sandbox.admin.say(hall.chats[0], hall.guest, "/hello")

            async def all_answer(times: int = number + 1) -> bool:
                messages = await hall.sandbox.admin.messages(hall.chats[0])
                return all(answered(messages, user_id, "hi") == times for user_id in hall.users.values())

            await until(all_answer, "all answer", 8.0)
            assert asyncio.get_running_loop().time() - began < 5.0
            await hall.agent.until_status("online", ACCOUNTS, 2.0)
        assert max(hall.agent.telegram.connects.values()) < 20
