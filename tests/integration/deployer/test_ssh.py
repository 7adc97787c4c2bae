"""Servers over SSH, on a real sshd: who is let in, what is seen, and every way in which it can go wrong."""

import asyncio
import hashlib
import json
import os
import resource
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from services.deployer.domain.logins import AgentLogin, KeyLogin, PasswordLogin
from services.deployer.domain.reaching import Access, Greeting, Placed, ServerStatus, Upload
from services.deployer.domain.server_problems import ServerProblem, Trouble
from services.deployer.domain.servers import HostKey, ServerState
from services.deployer.ssh import servers as ssh_servers
from services.deployer.ssh import sessions
from services.deployer.ssh.servers import SshServers
from services.deployer.ssh.sessions import Sessions, Turns
from tests.integration.deployer.ssh_world import Road, access_to, mute_server
from tests.support.ports import free_port
from tests.support.sshd import Sshd, running_sshd
from tests.support.waiting import until
from tests.unit.deployer.making import server

SCRIPT = Upload(("scripts", "greeter.yaml"), b"id: greeter\n" * 50)
LARGE = Upload(("scripts", "greeter.yaml"), os.urandom(2 * 1024 * 1024))


@pytest.fixture
async def sshd(tmp_path: Path) -> AsyncIterator[Sshd]:
    """A server that lets one key in."""
    async with running_sshd(tmp_path / "sshd") as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where everything of Callboard is, there."""
    return tmp_path / "there"


@pytest.fixture
def ssh() -> SshServers:
    """The deployer's way to servers."""
    return SshServers(Sessions(), Sessions())


def trouble(outcome: object) -> Trouble:
    """What went wrong; a problem always says what to do."""
    assert isinstance(outcome, ServerProblem), outcome
    assert len(outcome.detail) > 40
    return outcome.trouble


@contextmanager
def little_room(home: Path, sshd: Sshd) -> Iterator[set[Trouble]]:
    """Room for a megabyte, and what the server says beyond it: a small disk for root, else a limit of a file."""
    if os.geteuid() == 0:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "callboard-test", str(home)], check=True)
        try:
            yield {Trouble.DISK_FULL}
        finally:
            subprocess.run(["umount", str(home)], check=True)
    else:
        # Its children inherit it; one that goes beyond is ended by a signal or told that it may not.
        assert sshd.pid is not None
        resource.prlimit(sshd.pid, resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        yield {Trouble.NOT_WRITABLE, Trouble.CONNECTION_LOST}


def parts(home: Path) -> list[Path]:
    """Unfinished files."""
    return list(home.rglob(".callboard-*"))


async def test_a_scan_shows_the_servers_own_key_and_logs_nobody_in(ssh: SshServers, sshd: Sshd) -> None:
    """The operator would compare another fingerprint than the server's own, or a login would go out before that."""
    key = await ssh.scan("127.0.0.1", sshd.port)
    assert isinstance(key, HostKey)
    assert key.fingerprint == sshd.fingerprint
    assert key.algorithm == "ssh-ed25519"
    assert "Accepted" not in sshd.log and "Failed" not in sshd.log


async def test_a_login_by_key(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """Nothing else would work."""
    greeting = await ssh.greet(access_to(sshd, home))
    assert isinstance(greeting, Greeting), greeting
    assert greeting.software.startswith("SSH-2.0-OpenSSH")
    assert 0 < greeting.latency_seconds < greeting.connect_seconds < 10


async def test_an_encrypted_key_needs_its_passphrase(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """A key that can never be opened would be stored, and fail at the first push."""
    # As few rounds as bcrypt allows: how long guessing takes is not what is asked here.
    sealed = sshd.user_key.export_private_key("openssh", passphrase="right", rounds=50).decode()
    assert trouble(await ssh.readable(KeyLogin(sealed))) == Trouble.KEY_IS_ENCRYPTED
    assert trouble(await ssh.readable(KeyLogin(sealed, "wrong"))) == Trouble.KEY_NOT_OPENED
    assert trouble(await ssh.readable(KeyLogin("not a key"))) == Trouble.KEY_UNREADABLE
    login = KeyLogin(sealed, "right")
    assert await ssh.readable(login) is None
    assert isinstance(await ssh.greet(access_to(sshd, home, login)), Greeting)
    assert trouble(await ssh.greet(access_to(sshd, home, KeyLogin(sealed, "wrong")))) == Trouble.KEY_NOT_OPENED


async def test_a_wrong_host_key_gets_no_login(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """A login would be shown to whoever stands in between."""
    other = asyncssh.generate_private_key("ssh-ed25519")
    key = HostKey(" ".join(other.export_public_key().decode().split()[:2]), other.get_fingerprint())
    access = access_to(sshd, home)
    outcome = await ssh.greet(Access(replace(access.server, host_key=key), PasswordLogin("planted")))
    assert trouble(outcome) == Trouble.HOST_KEY_CHANGED
    assert "password" not in sshd.log


async def test_a_changed_host_key_stops_everything_until_it_is_confirmed(
    ssh: SshServers, sshd: Sshd, home: Path
) -> None:
    """A server that was exchanged would get scripts and logins as if it were the old one."""
    access = access_to(sshd, home)
    assert isinstance(await ssh.put(access, SCRIPT), Placed)
    await sshd.stop()
    sshd.new_host_key()
    await sshd.start()
    for outcome in (await ssh.greet(access), await ssh.status(access), await ssh.put(access, LARGE)):
        assert trouble(outcome) == Trouble.HOST_KEY_CHANGED
    assert (home / "scripts" / "greeter.yaml").read_bytes() == SCRIPT.content
    assert isinstance(await ssh.greet(access_to(sshd, home)), Greeting)


async def test_a_key_of_another_kind_is_a_changed_key(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """An operator would be told of unknown ciphers when the server was installed anew."""
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    key = HostKey(" ".join(other.export_public_key().decode().split()[:2]), other.get_fingerprint())
    access = access_to(sshd, home)
    assert trouble(await ssh.greet(replace(access, server=replace(access.server, host_key=key)))) == (
        Trouble.HOST_KEY_CHANGED
    )


async def test_a_login_that_is_refused(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """An operator would look for a broken network when a key is missing there."""
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    for login in (KeyLogin(stranger), PasswordLogin("wrong")):
        outcome = await ssh.greet(access_to(sshd, home, login))
        assert trouble(outcome) == Trouble.LOGIN_REFUSED
        assert isinstance(outcome, ServerProblem) and sshd.user in outcome.detail


async def test_a_login_by_password(ssh: SshServers, home: Path) -> None:
    """A server that knows only passwords could not be used."""

    class Doorkeeper(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("callboard", "right")

    host_key = asyncssh.generate_private_key("ssh-ed25519")
    key = HostKey(" ".join(host_key.export_public_key().decode().split()[:2]), host_key.get_fingerprint())
    listener = await asyncssh.create_server(
        Doorkeeper, "127.0.0.1", 0, server_host_keys=[host_key], sftp_factory=True, allow_scp=False
    )
    try:
        there = server(port=listener.get_port(), host_key=key, directory=str(home), state=ServerState.CONFIRMED)
        assert isinstance(await ssh.greet(Access(there, PasswordLogin("right"))), Greeting)
        assert trouble(await ssh.greet(Access(there, PasswordLogin("wrong")))) == Trouble.LOGIN_REFUSED
    finally:
        listener.close()
        await listener.wait_closed()


async def test_a_server_where_nothing_listens(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """An operator would not know whether the server or the login is wrong."""
    nowhere = access_to(sshd, home)
    nowhere = replace(nowhere, server=replace(nowhere.server, port=free_port()))
    for outcome in (await ssh.scan("127.0.0.1", free_port()), await ssh.greet(nowhere)):
        assert trouble(outcome) == Trouble.UNREACHABLE


async def test_a_mute_server_costs_no_more_than_its_time(
    ssh: SshServers, sshd: Sshd, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request would hang for as long as the server is mute."""
    for name in ("SCAN_SECONDS", "GREET_SECONDS", "STATUS_SECONDS", "PUT_SECONDS"):
        monkeypatch.setattr(ssh_servers, name, 0.5)
    async with mute_server() as port, asyncio.timeout(15):
        access = access_to(sshd, home)
        access = replace(access, server=replace(access.server, port=port))
        outcomes: list[object] = [await ssh.scan("127.0.0.1", port), await ssh.greet(access)]
        outcomes += [await ssh.status(access), await ssh.put(access, SCRIPT)]
    assert [trouble(outcome) for outcome in outcomes] == [Trouble.TIMED_OUT] * 4


async def test_a_server_that_falls_mute_in_the_middle(
    ssh: SshServers, sshd: Sshd, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transfer would wait for ever, and its file would be half there."""
    monkeypatch.setattr(ssh_servers, "PUT_SECONDS", 3.0)
    monkeypatch.setattr(sessions, "CLOSE_SECONDS", 0.5)
    assert isinstance(await ssh.put(access_to(sshd, home), SCRIPT), Placed)
    async with Road(sshd.port).open() as road, asyncio.timeout(20):
        road.mute_after = 500_000
        access = access_to(sshd, home)
        outcome = await ssh.put(replace(access, server=replace(access.server, port=road.port)), LARGE)
    assert trouble(outcome) == Trouble.TIMED_OUT
    assert (home / "scripts" / "greeter.yaml").read_bytes() == SCRIPT.content


async def test_what_speaks_no_ssh(ssh: SshServers) -> None:
    """An operator who gave the port of a web server would be told of a protocol error's number."""

    async def page(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50)
        writer.close()

    listener = await asyncio.start_server(page, "127.0.0.1", 0)
    outcome = await ssh.scan("127.0.0.1", listener.sockets[0].getsockname()[1])
    listener.close()
    await listener.wait_closed()
    assert trouble(outcome) in (Trouble.NOT_SSH, Trouble.CONNECTION_LOST)


async def test_a_file_is_replaced_whole_with_its_mode(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """A reader would see half a script, or others the settings."""
    access = access_to(sshd, home)
    for upload in (SCRIPT, LARGE, replace(SCRIPT, mode=0o600), replace(SCRIPT, content=b"")):
        placed = await ssh.put(access, upload)
        assert placed == Placed(
            str(home / "scripts" / "greeter.yaml"),
            f"sha256:{hashlib.sha256(upload.content).hexdigest()}",
            len(upload.content),
        )
        there = home / "scripts" / "greeter.yaml"
        assert there.read_bytes() == upload.content
        assert there.stat().st_mode & 0o777 == upload.mode
    assert not parts(home)


async def test_a_connection_that_is_cut_leaves_the_old_file(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """A node would load half a script."""
    access = access_to(sshd, home)
    assert isinstance(await ssh.put(access, SCRIPT), Placed)
    for bytes_passed in (300_000, 1_000_000, 2_000_000):
        async with Road(sshd.port).open() as road:
            road.cut_after = bytes_passed
            outcome = await ssh.put(replace(access, server=replace(access.server, port=road.port)), LARGE)
        assert trouble(outcome) == Trouble.CONNECTION_LOST
        assert (home / "scripts" / "greeter.yaml").read_bytes() == SCRIPT.content


async def test_what_a_cut_left_is_swept_an_hour_later(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """Parts of broken transfers would fill the disk in time; one that is being written must stay."""
    access = access_to(sshd, home)
    await ssh.put(access, SCRIPT)
    old, young, other = (home / "scripts" / name for name in (".callboard-1.part", ".callboard-2.part", ".other.part"))
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (1, 1))
    await ssh.put(access, SCRIPT)
    assert [path.exists() for path in (old, young, other)] == [False, True, True]


async def test_a_full_disk_leaves_the_old_file(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """A node would load what the disk had room for, and the operator would look for a broken network."""
    home.mkdir()
    with little_room(home, sshd) as causes:
        access = access_to(sshd, home)
        assert isinstance(await ssh.put(access, SCRIPT), Placed)
        outcome = await ssh.put(access, LARGE)
        assert trouble(outcome) in causes
        assert (home / "scripts" / "greeter.yaml").read_bytes() == SCRIPT.content
        assert isinstance(await ssh.put(access, SCRIPT), Placed)
        assert not parts(home) or Trouble.DISK_FULL not in causes


async def test_a_folder_that_may_not_be_written(ssh: SshServers, sshd: Sshd) -> None:
    """An operator would not know that it is the folder and not the connection."""
    outcome = await ssh.put(access_to(sshd, Path("/proc/callboard")), SCRIPT)
    assert trouble(outcome) == Trouble.NOT_WRITABLE


@pytest.mark.parametrize(
    "names",
    [(), ("..", "x"), ("a/b",), ("",), (".hidden",), ("a\nb",), ("a b",), ("$(id)",), ("-rf",), ("a", "..")],
)
async def test_a_name_that_leads_elsewhere_goes_nowhere(
    ssh: SshServers, sshd: Sshd, home: Path, names: tuple[str, ...]
) -> None:
    """A script's name would write into another folder, or into a shell."""
    with pytest.raises(ValueError, match="plain names"):
        await ssh.put(access_to(sshd, home), replace(SCRIPT, names=names))
    assert not home.exists()


async def test_a_look_tells_what_there_is(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """An operator would log in by hand to see whether the machine is well."""
    status = await ssh.status(access_to(sshd, home))
    assert isinstance(status, ServerStatus), status
    assert status.unknown == {}
    assert status.load is not None and len(status.load) == 3
    assert 0 < (status.memory_available or 0) < (status.memory_total or 0)
    assert 0 < (status.disk_free or 0) < (status.disk_total or 0)
    assert (status.uptime_seconds or 0) > 0
    assert status.agent is not None and (status.agent.running, status.agent.version) == (False, None)


async def test_a_look_at_an_agent(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """An agent that died would be shown as running by the file that it left."""
    (home / "state").mkdir(parents=True)
    file = home / "state" / "status.json"
    program = "import time; time.sleep(60)"
    child = await asyncio.create_subprocess_exec("python3", "-c", program, "services.node_agent")
    told = {"pid": child.pid, "version": "0.1.0", "node_id": "node-a", "broker": "connected", "lease": "valid"}
    file.write_text(json.dumps(told))
    running = await ssh.status(access_to(sshd, home))
    child.kill()
    await child.wait()
    ended = await ssh.status(access_to(sshd, home))
    file.write_text(json.dumps(told | {"pid": os.getpid()}))
    reused = await ssh.status(access_to(sshd, home))
    file.write_text("{half")
    broken = await ssh.status(access_to(sshd, home))
    assert isinstance(running, ServerStatus) and isinstance(ended, ServerStatus)
    assert isinstance(reused, ServerStatus) and isinstance(broken, ServerStatus)
    assert running.agent is not None and (running.agent.running, running.agent.version) == (True, "0.1.0")
    assert ended.agent is not None and ended.agent.running is False
    assert reused.agent is not None and reused.agent.running is False
    # The rest of the look does not suffer from it.
    assert broken.agent is None and "agent" in broken.unknown and broken.load is not None


async def test_turns_are_bounded_for_each_and_for_all() -> None:
    """A hundred requests would open a hundred sessions, and sshd would refuse everybody."""
    turns, open_now, most = Turns(of_one=2, of_all=3), {"a": 0, "b": 0}, {"a": 0, "b": 0, "all": 0}

    async def visit(name: str) -> None:
        async with turns.turn(name):
            open_now[name] += 1
            most[name] = max(most[name], open_now[name])
            most["all"] = max(most["all"], sum(open_now.values()))
            await asyncio.sleep(0.001)
            open_now[name] -= 1

    await asyncio.gather(*(visit(name) for name in "ab" * 20))
    assert most == {"a": 2, "b": 2, "all": 3}


async def test_whoever_gets_no_turn_in_time_is_told(ssh: SshServers, sshd: Sshd, home: Path) -> None:
    """Requests would queue up for ever behind a server that hangs, and a cancelled one would keep its turn."""
    turns = Turns(of_one=1)
    busy = Sessions(turns)
    access = access_to(sshd, home)
    async with turns.turn(access.server.address):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sessions.Turns.turn.__wrapped__, "__defaults__", (0.1,))  # type: ignore[attr-defined]
            assert trouble(await SshServers(busy, busy).greet(access)) == Trouble.BUSY
    assert isinstance(await SshServers(busy, busy).greet(access), Greeting)


async def test_the_deployers_own_agent_lets_it_in(
    ssh: SshServers, sshd: Sshd, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that never leaves the agent, as one on a smart card, could not be used."""
    access = access_to(sshd, home, AgentLogin())
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert trouble(await ssh.greet(access)) == Trouble.LOGIN_REFUSED
    socket = tmp_path / "agent.sock"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL) as agent:
        try:
            await until(socket.exists, "the SSH agent listens")
            monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
            assert trouble(await ssh.greet(access)) == Trouble.LOGIN_REFUSED
            key = tmp_path / "key"
            key.touch(mode=0o600)
            key.write_text(sshd.private_key)
            subprocess.run(["ssh-add", "-q", str(key)], check=True, timeout=20)
            assert isinstance(await ssh.greet(access), Greeting)
        finally:
            agent.terminate()
