"""`callboard servers`, against the deployer's own doors with servers in memory behind them."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from services.cli.failures import ExitCode
from services.cli.paths import ENROLMENTS
from tests.integration.cli.commands.conftest import Callboard
from tests.support.live_http import live
from tests.unit.deployer.making import START, new_script
from tests.unit.deployer.servers_office import KEY, OTHER, PLANTED, TOKEN, Office


@pytest.fixture
def office() -> Office:
    """A deployer's doors, and one host."""
    return Office()


async def give_out_enrolment() -> dict[str, str]:
    """What the registry, which is behind the same origin, answers to who lets a machine join."""
    return {"token": "cbe_" + "a" * 43}


@pytest.fixture
def operator(office: Office, alone: Callboard, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callboard]:
    """Runs `callboard …` signed in there."""
    origin = FastAPI()
    origin.post(ENROLMENTS)(give_out_enrolment)
    origin.mount("/", office.api)
    monkeypatch.setattr("services.cli.commands.servers.ASK_EVERY", 0.01)
    with live(origin) as url:
        monkeypatch.setenv("CALLBOARD_URL", url)
        monkeypatch.setenv("CALLBOARD_TOKEN", TOKEN)
        yield alone
    asyncio.run(office.http.aclose())


@pytest.fixture
def password(tmp_path: Path) -> str:
    """A file with the password."""
    (tmp_path / "password").write_text(PLANTED + "\n")
    return str(tmp_path / "password")


def add(operator: Callboard, password: str) -> None:
    """Add the host and confirm its key."""
    added = operator("servers", "add", "tokyo-1", "tokyo", "--user", "callboard", "--password-file", password)
    assert added.exit_code == ExitCode.OK, added.stderr
    assert operator("servers", "confirm", "tokyo-1", KEY.fingerprint).exit_code == ExitCode.OK


def test_a_new_server_says_what_to_compare_and_what_comes_next(operator: Callboard, password: str) -> None:
    """An operator would confirm whatever is shown, or not know that there is something to confirm."""
    added = operator("servers", "add", "tokyo-1", "tokyo", "--user", "callboard", "--password-file", password)
    assert KEY.fingerprint in added.stdout
    assert f"callboard servers confirm tokyo-1 {KEY.fingerprint}" in added.stdout
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in added.stderr
    early = operator("servers", "test", "tokyo-1")
    assert early.exit_code == ExitCode.REFUSED
    wrong = operator("servers", "confirm", "tokyo-1", OTHER.fingerprint)
    assert (wrong.exit_code, KEY.fingerprint in wrong.stderr) == (ExitCode.REFUSED, True)


def test_the_way_of_a_server(operator: Callboard, office: Office, password: str) -> None:
    """A command that the documentation has would not be there, or would say something else than the service."""

    async def push() -> None:
        async with office.store.begin() as transaction:
            await transaction.scripts.add(new_script(), START)

    asyncio.run(push())
    assert "no server" in operator("servers").stderr
    add(operator, password)
    assert operator("servers", "list").stdout.splitlines()[1].split()[:2] == ["tokyo-1", "confirmed"]
    assert KEY.fingerprint in operator("servers", "show", "tokyo-1").stdout
    assert "latency_ms" in operator("servers", "test", "tokyo-1").stdout
    changed = operator("servers", "login", "tokyo-1", "--password-file", password, "--user", "ops")
    assert changed.stdout == "ops logs in on tokyo-1 with: password\n"
    assert json.loads(operator("servers", "status", "tokyo-1", "--json").stdout)["agent"]["running"] is False
    assert ".callboard/scripts/greeter.yaml" in operator("servers", "push", "tokyo-1", "greeter").stdout
    assert "confirmed" in operator("servers", "scan", "tokyo-1").stderr
    assert "runs on" in operator("servers", "remove", "tokyo-1").stdout
    gone = operator("servers", "show", "tokyo-1")
    assert (gone.exit_code, "/api/" in gone.stderr) == (ExitCode.NOT_FOUND, False)


def test_an_agent_is_brought_there(operator: Callboard, office: Office, tmp_path: Path, password: str) -> None:
    """The operator would have to poll by hand, or a mistyped file would be installed."""
    added = ("servers", "add", "tokyo-1", "tokyo", "--user", "callboard", "--password-file", password)
    assert operator(*added, "--node", "node-a").exit_code == ExitCode.OK
    operator("servers", "confirm", "tokyo-1", KEY.fingerprint)
    file = tmp_path / "agent.env"
    file.write_text("# of my.telegram.org\nCALLBOARD_TELEGRAM__API_ID=1\n\nCALLBOARD_TELEGRAM__API_HASH = a=b\n")
    done = operator("servers", "install", "tokyo-1", "--settings", str(file))
    assert done.exit_code == ExitCode.OK, done.stderr
    assert "0.1.0+1 runs" in done.stdout
    (installed,) = office.ssh.installed
    assert installed is not None and installed["CALLBOARD_TELEGRAM__API_HASH"] == "a=b"
    file.write_text(f"CALLBOARD_TELEGRAM__API_ID=1\n{PLANTED}\n")
    refused = operator("servers", "install", "tokyo-1", "--settings", str(file))
    assert (refused.exit_code, "line 2" in refused.stderr) == (ExitCode.REFUSED, True)
    assert PLANTED not in refused.stderr
    office.host.let_in.clear()
    failed = operator("servers", "install", "tokyo-1")
    assert (failed.exit_code, "does not let callboard in" in failed.stderr) == (ExitCode.FAILED, True)


def test_a_server_that_does_not_do_it_is_a_failure(operator: Callboard, office: Office, password: str) -> None:
    """A script would take an unreachable server for an unreachable Callboard, or for a mistake of its own."""
    add(operator, password)
    office.host.let_in.clear()
    refused = operator("servers", "test", "tokyo-1")
    assert refused.exit_code == ExitCode.FAILED
    assert "does not let callboard in" in refused.stderr
    missing = operator("servers", "push", "tokyo-1", "greeter")
    assert (missing.exit_code, "greeter" in missing.stderr) == (ExitCode.NOT_FOUND, True)


def test_a_login_is_never_shown(operator: Callboard, password: str) -> None:
    """It would be in a terminal's history, or in a ticket."""
    add(operator, password)
    for words in (("servers",), ("servers", "show", "tokyo-1"), ("servers", "list", "--json")):
        shown = operator(*words)
        assert PLANTED not in shown.stdout + shown.stderr
    twice = operator("servers", "add", "b", "tokyo", "--user", "x", "--password-file", password, "--agent")
    assert (twice.exit_code, PLANTED in twice.stderr) == (ExitCode.REFUSED, False)
