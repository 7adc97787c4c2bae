"""What every way to servers does: on a real sshd, and in memory."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh
import pytest

from services.deployer.domain.logins import KeyLogin, Login, PasswordLogin
from services.deployer.domain.reaching import Access, Exchange, Greeting, Placed, ServerStatus, Ssh, Upload
from services.deployer.domain.server_problems import ServerProblem, Trouble
from services.deployer.domain.servers import HostKey, ServerState
from services.deployer.ssh.in_memory import Host, InMemorySsh
from services.deployer.ssh.servers import SshServers
from services.deployer.ssh.sessions import Sessions
from shared.contracts.identifiers import content_hash
from tests.support.ports import free_port
from tests.support.sshd import running_sshd
from tests.unit.deployer.making import server

UPLOAD = Upload(("scripts", "greeter.yaml"), b"id: greeter\n")
OTHER_KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER = HostKey(" ".join(OTHER_KEY.export_public_key().decode().split()[:2]), OTHER_KEY.get_fingerprint())


@dataclass
class Place:
    """A way to servers, one server that is there, and what is in its files."""

    ssh: Ssh
    address: tuple[str, int]
    user: str
    login: Login
    directory: str
    read: Callable[[str], bytes]
    write: Callable[[str, bytes], object]
    exists: Callable[[str], bool]

    async def access(self) -> Access:
        """Into it, with the key that it shows."""
        key = await self.ssh.scan(*self.address)
        assert isinstance(key, HostKey)
        host, port = self.address
        there = server(host=host, port=port, user=self.user, host_key=key, directory=self.directory)
        return Access(replace(there, state=ServerState.CONFIRMED), self.login)


@pytest.fixture(params=["memory", "sshd"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """One of the two."""
    if request.param == "memory":
        login, memory = PasswordLogin("right"), InMemorySsh()
        host = memory.hosts["127.0.0.1", 22] = Host(HostKey("ssh-ed25519 AAAA", "SHA256:" + "A" * 43), {login})
        files = host.files
        yield Place(
            memory,
            ("127.0.0.1", 22),
            "callboard",
            login,
            "/there",
            files.__getitem__,
            files.__setitem__,
            files.__contains__,
        )
        return
    async with running_sshd(tmp_path / "sshd") as sshd:
        yield Place(
            SshServers(Sessions(), Sessions()),
            ("127.0.0.1", sshd.port),
            sshd.user,
            KeyLogin(sshd.private_key),
            str(tmp_path / "there"),
            lambda path: Path(path).read_bytes(),
            lambda path, content: Path(path).write_bytes(content),
            lambda path: Path(path).exists(),
        )


def trouble(outcome: object) -> Trouble:
    """What went wrong."""
    assert isinstance(outcome, ServerProblem), outcome
    return outcome.trouble


async def test_who_is_confirmed_and_let_in_is_reached(place: Place) -> None:
    """Nothing could be done on a server."""
    access = await place.access()
    assert isinstance(await place.ssh.greet(access), Greeting)
    status = await place.ssh.status(access)
    assert isinstance(status, ServerStatus) and status.agent is not None and status.agent.running is False


async def test_a_file_is_put_and_replaced(place: Place) -> None:
    """A test in memory would pass where the real server keeps the old file."""
    access = await place.access()
    for content in (b"one\n", UPLOAD.content):
        placed = await place.ssh.put(access, replace(UPLOAD, content=content))
        path = f"{place.directory}/scripts/greeter.yaml"
        assert placed == Placed(path, content_hash(content), len(content))
        assert place.read(path) == content


async def test_refusals_are_told_apart(place: Place) -> None:
    """What an operator is told to do would depend on which of the two it was tried on."""
    access = await place.access()
    other_key = replace(access, server=replace(access.server, host_key=OTHER))
    stranger = replace(access, login=KeyLogin(OTHER_KEY.export_private_key().decode()))
    nowhere = replace(access, server=replace(access.server, port=free_port()))
    assert trouble(await place.ssh.greet(other_key)) == Trouble.HOST_KEY_CHANGED
    assert trouble(await place.ssh.put(stranger, UPLOAD)) == Trouble.LOGIN_REFUSED
    assert trouble(await place.ssh.status(nowhere)) == Trouble.UNREACHABLE
    assert trouble(await place.ssh.scan("127.0.0.1", nowhere.server.port)) == Trouble.UNREACHABLE
    assert trouble(await place.ssh.readable(KeyLogin("no key"))) == Trouble.KEY_UNREADABLE
    assert not place.exists(f"{place.directory}/scripts/greeter.yaml")


async def test_nobody_logs_in_before_the_key_is_confirmed(place: Place) -> None:
    """A use case that forgot the question would send a login to a stranger."""
    access = await place.access()
    unconfirmed = replace(access, server=replace(access.server, state=ServerState.UNCONFIRMED))
    with pytest.raises(ValueError, match="not confirmed"):
        await place.ssh.greet(unconfirmed)


async def test_a_link_takes_reports_and_brings_orders(place: Place) -> None:
    """An agent's messages would be lost, or carried twice for ever."""
    seen: list[object] = []
    outbox, inbox = (f"{place.directory}/exchange/{name}" for name in ("outbox", "inbox"))

    async def use(exchange: Exchange) -> None:
        for name in ("one.json", "two.json", ".three.json.part"):
            place.write(f"{outbox}/{name}", b"{}")
        seen.append({file.name for file in await exchange.reports(10)})
        await exchange.taken("one.json")
        await exchange.taken("one.json")
        await exchange.refuse("two.json")
        seen.append(await exchange.reports(10))
        seen.append(await exchange.waiting())
        for _ in range(2):
            await exchange.order("four.json", b"an order")
        seen.append(await exchange.waiting())

    assert await place.ssh.link(await place.access(), use) is None
    assert seen == [{"one.json", "two.json"}, [], 0, 1]
    assert place.read(f"{inbox}/four.json") == b"an order"
    assert place.read(f"{outbox}/two.json.refused") == b"{}"
    assert not place.exists(f"{outbox}/one.json")
