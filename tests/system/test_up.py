"""`callboard up` itself: what it leaves behind, what it brings back, and how it ends."""

import base64
import json
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from services.cli.embedded.ports import give_back, take
from services.cli.stack.run import USUAL_PORT
from services.telegram_sandbox.world.seed import SeedAccounts, WorldSeed
from tests.support.demo import Demo

# A demo of another test may have it, or be about to.
TAKEN = "(taken by another program|promised to another Callboard)"


def test_the_connection_file_is_private_and_complete(demo: Demo) -> None:
    """The CLI signs in with it; another user of the machine must not."""
    assert stat.S_IMODE(demo.connection.stat().st_mode) == 0o600
    found = json.loads(demo.connection.read_text())
    assert found["url"].startswith("http://127.0.0.1:")
    assert len(found["token"]) >= 16
    assert found["url"] in demo.output()


async def test_the_accounts_logins_are_readable_nowhere_but_in_the_sandbox(demo: Demo) -> None:
    """The demo shows what the product is: who copies a node's disk, or the database's, has no account."""
    prefixes = ("demo_a", "demo_b")
    async with demo.stack().sandbox() as sandbox:
        seed = WorldSeed(accounts=[SeedAccounts(count=3, prefix=prefix) for prefix in prefixes])
        strings = [login.string_session for login in await sandbox.apply(seed)]
    keys = [base64.urlsafe_b64decode(string[1:])[-256:] for string in strings]
    marks = [mark for key in keys for mark in (key[:48], key.hex().encode()[:96], base64.b64encode(key)[:64])]
    files = [path for path in demo.home.rglob("*") if path.is_file() and "sandbox" not in path.parts]
    assert any("agents" in path.parts for path in files)
    assert any("postgres" in path.parts for path in files)
    found = [str(path) for path in files if any(mark in _content(path) for mark in marks)]
    assert found == []


def test_a_second_up_on_the_same_home_says_so_in_a_sentence(demo: Demo) -> None:
    """Two stacks on one database directory would destroy it."""
    second = demo.spawn()
    assert second.wait(30) != 0
    assert "already" in demo.output()
    assert "Traceback" not in demo.output()


def test_a_crashed_child_is_shown_and_restarted(demo: Demo) -> None:
    """A demo that limps on without its deployer explains nothing."""
    [victim] = _living(demo, _is_deployer)
    victim.kill()
    deadline = time.monotonic() + 30
    while all(child.pid == victim.pid for child in _living(demo, _is_deployer)):
        assert time.monotonic() < deadline, f"the deployer was not restarted:\n{demo.output()}"
        time.sleep(0.2)
    assert "deployer" in demo.output()


def test_a_database_that_does_not_answer_is_named(demo: Demo) -> None:
    """A summary that blames the console sends the operator to the wrong log."""
    before = len(demo.output())
    servers = _living(demo, lambda child: child.name().startswith("postgres"))
    for server in servers:
        server.suspend()
    try:
        _wait_for(demo, "fleet: cannot be read now: postgres runs but does not answer", before)
    finally:
        for server in servers:
            server.resume()
    seen = demo.output().rindex("cannot be read now")
    _wait_for(demo, "fleet: nodes 2 online", seen)


def test_interrupting_ends_every_process_and_the_second_start_makes_nothing_anew(demo: Demo) -> None:
    """Strays of a demo hold its ports and its disk; a start that makes all of it anew is not waited for twice.

    How many seconds a start takes is measured by `make bench`, where nothing else runs.
    """
    token = json.loads(demo.connection.read_text())["token"]
    family = demo.children()
    assert len(family) > 8
    assert demo.stop() < 15
    last_words = demo.output().splitlines()[-4:]
    assert last_words[0].startswith("Stopped   demo-")
    assert last_words[0].endswith("postgres")
    data, again, erase = last_words[1:]
    assert (data, erase) == (f"Data      {demo.home}", f"Erase     rm -r {demo.home}")
    assert again.startswith("Again     ") and again.endswith(f"callboard up --home {demo.home}")
    _, alive = psutil.wait_procs(family, timeout=3)
    assert alive == []
    made, before = _made(demo.home), len(demo.output())
    with _taken(USUAL_PORT):
        demo.start()
    assert re.search(rf"Port {USUAL_PORT} is {TAKEN}: the console gets port", demo.output()[before:])
    assert _made(demo.home) == made
    assert json.loads(demo.connection.read_text())["token"] == token


@contextmanager
def _taken(port: int) -> Iterator[None]:
    """We listen on it, or whoever has it already; a demo of another test that is about to is not crossed."""
    with socket.socket() as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if take(port) is None:
            ours.bind(("127.0.0.1", port))
            ours.listen()
        try:
            yield
        finally:
            give_back(port)


def _made(home: Path) -> dict[str, int]:
    """What only a first start makes, by its inode: the database cluster, and what the nodes became by joining."""
    found = {file.relative_to(home).as_posix(): file.stat().st_ino for file in home.rglob("identity.json")}
    assert len(found) == 2
    cluster = min(home.rglob("PG_VERSION"), key=lambda file: len(file.parts))
    return found | {"PG_VERSION": cluster.stat().st_ino}


def _content(path: Path) -> bytes:
    """What is in a file of a running stack; it may go away meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _wait_for(demo: Demo, said: str, after: int) -> None:
    """Wait until the stack has printed it."""
    deadline = time.monotonic() + 30
    while said not in demo.output()[after:]:
        assert time.monotonic() < deadline, f"never said {said!r}:\n{demo.output()}"
        time.sleep(0.2)


def _living(demo: Demo, is_one: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """The children that are meant; one may end while it is looked at."""
    found = []
    for child in demo.children():
        with suppress(psutil.NoSuchProcess):
            if is_one(child):
                found.append(child)
    return found


def _is_deployer(child: psutil.Process) -> bool:
    return "services.deployer" in child.cmdline()
