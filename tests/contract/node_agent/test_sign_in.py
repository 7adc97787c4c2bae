"""The sign-in port's contract, held by Telethon on the real sandbox and by the twin in memory."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest

from services.node_agent.domain.sign_in import PasswordWanted, SignedIn, SignInDoor, WrongAnswer
from services.node_agent.domain.telegram import Refused
from services.node_agent.telegram.in_memory_sign_in import CODE, InMemoryDoor, Person
from services.node_agent.telegram.sessions import Place, load_session
from services.node_agent.telegram.sign_in import TelethonDoor
from services.telegram_sandbox.faults import RpcFailure
from tests.contract.node_agent.telegram_worlds import SandboxWorld

PHONE, STRANGER, TOKEN = "+491711234567", "+15550000001", "1234:the-token-of-a-bot"


class World(Protocol):
    """Somebody with a phone, and a bot."""

    door: SignInDoor
    user_id: int
    token: str

    async def code(self, phone: str = PHONE) -> str:
        """The code that was sent."""
        ...

    async def require_password(self) -> None:
        """The next sign-in wants a password."""
        ...

    async def close(self) -> None:
        """End it."""
        ...


class TwinWorld:
    """The twin."""

    def __init__(self) -> None:
        self.user_id, self.token = 7, TOKEN
        twin = InMemoryDoor({PHONE.lstrip("+"): Person(7, b"a login")}, {TOKEN: Person(8, b"a bot's login")})
        self.door: SignInDoor = twin
        self._people = twin.people

    async def code(self, phone: str = PHONE) -> str:
        return CODE

    async def require_password(self) -> None:
        self._people[PHONE.lstrip("+")] = Person(7, b"a login", "a password")

    async def close(self) -> None:
        pass


class TelethonWorld:
    """Telethon on the sandbox."""

    def __init__(self, world: SandboxWorld, user_id: int, token: str) -> None:
        place = world.sandbox.place
        self.door: SignInDoor = TelethonDoor(1, "sandbox", Place(place.dc_id, place.address, place.port))
        self.user_id, self.token = user_id, token
        self._world = world

    @classmethod
    async def open(cls, home: Path) -> "TelethonWorld":
        world = await SandboxWorld.open(home)
        user = await world.admin.add_user("Nell", phone=PHONE)
        bot = await world.admin.add_user("Bot", bot=True)
        assert bot.token is not None
        return cls(world, user.user_id, bot.token)

    async def code(self, phone: str = PHONE) -> str:
        return await self._world.admin.code(phone)

    async def require_password(self) -> None:
        fault = RpcFailure(method="auth.signIn", code=401, error="SESSION_PASSWORD_NEEDED", times=1)
        await self._world.admin.inject(fault)

    async def close(self) -> None:
        await self._world.close()


@pytest.fixture(params=["twin", "telethon"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """One of both."""
    opened: World = TwinWorld() if request.param == "twin" else await TelethonWorld.open(tmp_path)
    yield opened
    await opened.close()


async def test_somebody_signs_in_by_code(world: World) -> None:
    """Without this an account could only come from somebody else's program."""
    signing = world.door.open()
    assert await signing.ask_code(PHONE) == "app"
    done = await signing.give_code(await world.code())
    await signing.close()
    assert isinstance(done, SignedIn) and done.user_id == world.user_id
    if done.content.startswith(b"SQLite"):
        assert load_session(done.content, None).auth_key.key


async def test_a_wrong_code_is_told_and_another_one_taken(world: World) -> None:
    """Who mistypes once would have to wait for another code."""
    signing = world.door.open()
    await signing.ask_code(PHONE)
    with pytest.raises(WrongAnswer, match="not the code"):
        await signing.give_code("00000x")
    assert isinstance(await signing.give_code(await world.code()), SignedIn)
    await signing.close()


async def test_a_bot_signs_in_by_its_token(world: World) -> None:
    """A bot has no phone."""
    signing = world.door.open()
    done = await signing.give_token(world.token)
    await signing.close()
    assert isinstance(done, SignedIn)


async def test_a_token_that_nobody_has_is_refused(world: World) -> None:
    """The operator would be told of an error of Telegram's instead of what to do."""
    signing = world.door.open()
    with pytest.raises(Refused, match="BotFather"):
        await signing.give_token("1234:nobodys")
    await signing.close()


async def test_another_key_is_made_when_telegram_does_not_take_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sign-in in some hundred would fail, with a connection that nobody had closed."""
    verdicts = iter([True, True, False])
    monkeypatch.setattr("services.telegram_sandbox.mtproto.handshake._unusable", lambda _: next(verdicts))
    world = await TelethonWorld.open(tmp_path)
    signing = world.door.open()
    assert isinstance(await signing.give_token(world.token), SignedIn)
    await signing.close()
    await world.close()


async def test_a_number_that_nobody_has_is_refused(world: World) -> None:
    """A new account would be made, or an error shown that says nothing."""
    signing = world.door.open()
    await signing.ask_code(STRANGER)
    code = await world.code(STRANGER)
    with pytest.raises(Refused, match="no account has this phone number"):
        await signing.give_code(code)
    await signing.close()


async def test_closing_twice_and_before_anything_does_nothing(world: World) -> None:
    """A try that is given up at its very beginning would end with an error of its own."""
    signing = world.door.open()
    await signing.close()
    await signing.close()


async def test_a_password_is_asked_for() -> None:
    """Accounts that are well kept could not sign in."""
    world = TwinWorld()
    await world.require_password()
    signing = world.door.open()
    await signing.ask_code(PHONE)
    assert isinstance(await signing.give_code(CODE), PasswordWanted)
    with pytest.raises(WrongAnswer, match="password"):
        await signing.give_password("another")
    assert isinstance(await signing.give_password("a password"), SignedIn)
