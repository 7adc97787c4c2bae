"""The demo's chat on the command line, against a running sandbox: read, followed, and spoken in as a guest."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from services.cli.app import build_app
from services.cli.connection_file import FILE, KeptConnection, SandboxAdmin, write_connection
from services.cli.failures import ExitCode
from shared.http import serve
from tests.integration.telegram_sandbox.stagehands import TOKEN, Theatre
from tests.support.live_http import free_url
from tests.support.ports import free_port
from tests.support.waiting import until

ROOT = Path(__file__).parents[4]
NOWHERE = dict.fromkeys(("CALLBOARD_URL", "CALLBOARD_TOKEN", "CALLBOARD_HOME", "CALLBOARD_DEBUG"), "")


class Stage:
    """A sandbox with doors that can be closed, and the command line of whoever has started it here."""

    def __init__(self, theatre: Theatre, home: Path) -> None:
        self.admin, self.home = theatre.admin, home
        self.environment = NOWHERE | {"CALLBOARD_HOME": str(home)}
        self._api = theatre.sandbox.admin_api(SecretStr(TOKEN))
        self._port = free_port()
        self._doors: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where the doors are."""
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        """Open the doors, and wait until somebody answers."""
        self._doors = asyncio.create_task(serve(self._api, "127.0.0.1", self._port))

        async def answers() -> bool:
            return (await self.sandbox("chat")).exit_code in (ExitCode.OK, ExitCode.NOT_FOUND)

        await until(answers, "the sandbox answers")

    async def close(self) -> None:
        """Close the doors."""
        if self._doors is not None:
            self._doors.cancel()
            await asyncio.gather(self._doors, return_exceptions=True)

    async def sandbox(self, *words: str, **environment: str) -> Result:
        """Run `callboard sandbox …`; it blocks, so in a thread."""
        given = self.environment | environment
        return await asyncio.to_thread(CliRunner().invoke, build_app(), ["sandbox", *words], env=given)

    async def said(self, *words: str) -> list[str]:
        """The lines of `callboard sandbox chat …` without their times."""
        result = await self.sandbox("chat", *words)
        assert result.exit_code == ExitCode.OK, result.output
        return [line.partition("  ")[2] for line in result.stdout.splitlines()]

    @asynccontextmanager
    async def following(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """`callboard sandbox chat --follow` in a terminal of its own, from the last message on."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.cli", "sandbox", "chat", "--follow", "-n", "1", cwd=ROOT,
            env=os.environ | self.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """See the class."""
    theatre = await Theatre.open(tmp_path / "sandbox")
    home = tmp_path / "home"
    home.mkdir()
    opened = Stage(theatre, home)
    # Callboard's own address is another one, and nobody asks there.
    write_connection(home / FILE, KeptConnection(free_url(), TOKEN, None, SandboxAdmin(opened.url)))
    try:
        await opened.open()
        yield opened
    finally:
        await opened.close()
        await theatre.close()


async def line_of(stream: asyncio.StreamReader | None) -> str:
    """The next line, without its time."""
    assert stream is not None
    line = await asyncio.wait_for(stream.readline(), 20)
    return line.decode().rstrip("\n").rpartition("  ")[2]


async def test_a_sandbox_without_a_chat_says_what_makes_one(stage: Stage) -> None:
    """An empty answer would look like a quiet chat."""
    result = await stage.sandbox("chat")
    assert result.exit_code == ExitCode.NOT_FOUND
    assert "has no chat yet: `callboard up` makes the demo's" in result.stderr


async def test_a_guest_joins_speaks_and_is_read(stage: Stage) -> None:
    """Whoever pushes new words wants to hear them, and to ask for them at that moment."""
    await stage.admin.add_chat("The hall", "the_hall")
    said = await stage.sandbox("say", "hello", "--as", "小明")
    assert said.exit_code == ExitCode.OK, said.output
    assert said.stdout.partition("  ")[2] == "小明: hello\n"
    assert await stage.said() == ["小明 joined", "小明: hello"]
    assert await stage.said("-n", "1") == ["小明: hello"]


async def test_the_same_guest_is_one_guest(stage: Stage) -> None:
    """A script that greets each guest once would greet every sentence."""
    await stage.admin.add_chat("The hall", "the_hall")
    for text in ("hello", "hello again"):
        await stage.sandbox("say", text)
    assert await stage.said() == ["Guest joined", "Guest: hello", "Guest: hello again"]
    assert [user.first_name for user in await stage.admin.users()] == ["Guest"]


async def test_who_only_has_the_name_of_a_guest_is_not_spoken_for(stage: Stage) -> None:
    """A user who signs in by phone has a client of its own, and a bot a program."""
    await stage.admin.add_chat("The hall", "the_hall")
    await stage.admin.add_user("Guest", phone="+886900000001")
    await stage.admin.add_user("Guest", "guest_bot", bot=True)
    await stage.sandbox("say", "hello")
    assert [user.first_name for user in await stage.admin.users()] == ["Guest"] * 3


async def test_an_account_is_no_guest(stage: Stage) -> None:
    """What an account says is said by its node; its counters and limits would know nothing of this."""
    await stage.admin.add_chat("The hall", "the_hall")
    account = await stage.admin.add_user("demo_a_2", "demo_a_2")
    await stage.admin.add_session(account.user_id)
    result = await stage.sandbox("say", "hello", "--as", "demo_a_2")
    assert result.exit_code == ExitCode.REFUSED
    assert "demo_a_2 is no guest but an account with a login" in result.stderr
    assert await stage.said() == []


async def test_words_need_no_quotes(stage: Stage) -> None:
    """Nobody thinks of the shell while talking."""
    await stage.admin.add_chat("The hall", "the_hall")
    await stage.sandbox("say", "hello", "to", "all", "--as", "Ann")
    assert await stage.said("-n", "1") == ["Ann: hello to all"]


@pytest.mark.parametrize("name", ["second", "@second", "The second one"])
async def test_another_chat_is_named_in_every_way(stage: Stage, name: str) -> None:
    """The first chat is only a default."""
    await stage.admin.add_chat("The first one", "first")
    await stage.admin.add_chat("The second one", "second")
    assert (await stage.sandbox("say", "here", "--chat", name)).exit_code == ExitCode.OK
    assert await stage.said("--chat", name) == ["Guest joined", "Guest: here"]
    first = await stage.sandbox("chat")
    assert (first.stdout, first.stderr) == ("", "nothing was said in The first one yet\n")


async def test_a_chat_by_its_id(stage: Stage) -> None:
    """Ids of chats begin with a minus, as options do."""
    chat = await stage.admin.add_chat("The first one", "first")
    assert (await stage.sandbox("say", "here", "--chat", str(chat.chat_id))).exit_code == ExitCode.OK


async def test_a_chat_that_is_not_there_is_named(stage: Stage) -> None:
    """A slip of the pen is told, and nobody is made for it."""
    await stage.admin.add_chat("The hall", "the_hall")
    for words in (("chat", "--chat", "hal"), ("say", "hello", "--chat", "hal")):
        result = await stage.sandbox(*words)
        assert result.exit_code == ExitCode.NOT_FOUND
        assert "the sandbox has no chat 'hal'" in result.stderr
    assert await stage.admin.users() == []
    nothing = await stage.sandbox("chat", "--chat", "")
    assert (nothing.exit_code, "--chat names nothing" in nothing.stderr) == (ExitCode.REFUSED, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((" ",), "what is said must not be empty"),
        (("x" * 4097,), "what is said has at most 4096 characters: this has 4097"),
        (("hello", "--as", ""), "a guest's name must not be empty"),
        (("hello", "--as", "x" * 65), "a guest's name has at most 64 characters: this has 65"),
    ],
)
async def test_what_telegram_would_not_take_is_refused(stage: Stage, words: tuple[str, ...], said: str) -> None:
    """A problem of the admin API would name a field that nobody typed."""
    await stage.admin.add_chat("The hall", "the_hall")
    result = await stage.sandbox("say", *words)
    assert result.exit_code == ExitCode.REFUSED
    assert said in result.stderr
    assert await stage.said() == []


async def test_messages_for_programs(stage: Stage) -> None:
    """One on a line, with the sender's name beside its id."""
    await stage.admin.add_chat("The hall", "the_hall")
    await stage.sandbox("say", "hello")
    result = await stage.sandbox("--json", "chat")
    joined, hello = map(json.loads, result.stdout.splitlines())
    assert (joined["action"], joined["name"]) == ("joined", "Guest")
    assert (hello["text"], hello["name"], hello["action"]) == ("hello", "Guest", None)


async def test_the_lines_of_one_message_stand_below_each_other(stage: Stage) -> None:
    """A line that begins like a message would be taken for one."""
    await stage.admin.add_chat("The hall", "the_hall")
    await stage.sandbox("say", "tea 4\ncake 6")
    assert (await stage.sandbox("chat", "-n", "1")).stdout.splitlines()[1] == "          cake 6"


async def test_following_goes_on_until_it_is_interrupted(stage: Stage) -> None:
    """What is said meanwhile is shown as it is said, each once, by people who came meanwhile too."""
    await stage.admin.add_chat("The hall", "the_hall")
    await stage.sandbox("say", "before")
    async with stage.following() as process:
        heard = [await line_of(process.stdout)]
        await stage.sandbox("say", "after", "--as", "Ann")
        heard += [await line_of(process.stdout) for _ in range(2)]
        assert heard == ["Guest: before", "Ann joined", "Ann: after"]
        process.send_signal(signal.SIGINT)
        rest = await asyncio.wait_for(process.communicate(), 20)
    assert (rest, process.returncode) == ((b"", b""), ExitCode.INTERRUPTED)


async def test_following_outlives_the_sandbox(stage: Stage) -> None:
    """Killing what one likes is a part of the demo, and the supervisor starts it again."""
    await stage.admin.add_chat("The hall", "the_hall")
    await stage.sandbox("say", "before")
    async with stage.following() as process:
        assert await line_of(process.stdout) == "Guest: before"
        await stage.close()
        assert await line_of(process.stderr) == f"nothing answers at {stage.url}; asking again"
        await stage.open()
        assert await line_of(process.stderr) == "the sandbox answers again"
        await stage.sandbox("say", "after")
        assert await line_of(process.stdout) == "Guest: after"


async def test_where_no_sandbox_is_known(stage: Stage, tmp_path: Path) -> None:
    """A stack for real accounts has none; its own address is not asked for a chat."""
    unknown = "it is not known where a Telegram sandbox is: start one here with `callboard up`"
    result = await stage.sandbox("chat", CALLBOARD_HOME=str(tmp_path / "none"), CALLBOARD_URL=free_url())
    assert (result.exit_code, unknown in result.stderr) == (ExitCode.UNREACHABLE, True)
    write_connection(stage.home / FILE, KeptConnection(free_url(), TOKEN))
    result = await stage.sandbox("chat")
    assert (result.exit_code, unknown in result.stderr) == (ExitCode.UNREACHABLE, True)


async def test_a_sandbox_elsewhere_by_address_and_token(stage: Stage, tmp_path: Path) -> None:
    """That of a compose stack has no file here. Another one's token is not sent there."""
    await stage.admin.add_chat("The hall", "the_hall")
    home = {"CALLBOARD_HOME": str(tmp_path / "none")}
    given = await stage.sandbox("chat", "--url", stage.url, "--token", TOKEN, **home)
    assert given.exit_code == ExitCode.OK, given.output
    from_variable = await stage.sandbox("chat", "--url", stage.url, CALLBOARD_TOKEN=TOKEN, **home)
    assert from_variable.exit_code == ExitCode.OK, from_variable.output
    other = await stage.sandbox("chat", "--url", free_url())
    assert other.exit_code == ExitCode.UNREACHABLE
    assert f"is for {stage.url}" in other.stderr


async def test_a_wrong_token_is_told(stage: Stage) -> None:
    """The one in the variable wins over the file's, and is the one that is named."""
    result = await stage.sandbox("chat", CALLBOARD_TOKEN="another-token-than-that")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "does not take the token from CALLBOARD_TOKEN" in result.stderr
