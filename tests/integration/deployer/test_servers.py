"""Servers as an operator uses them: a real deployer, a real database, a real sshd."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import structlog

from services.deployer.api.script_source import EXAMPLE
from shared import logging as service_logging
from shared.contracts.identifiers import content_hash
from tests.integration.deployer.running import Deployer, settings
from tests.support.sshd import Sshd, running_sshd
from tests.support.waiting import until

SERVERS = "/api/v1/group-ai/servers"
PLANTED = "planted-9b1f7c44"


@pytest.fixture
async def sshd(tmp_path: Path) -> AsyncIterator[Sshd]:
    """A server that lets one key in."""
    async with running_sshd(tmp_path / "sshd") as running:
        yield running


def body(sshd: Sshd, directory: Path, login: dict[str, Any], server_id: str = "tokyo-1") -> dict[str, Any]:
    """A server to register."""
    there = {"host": "127.0.0.1", "port": sshd.port, "user": sshd.user, "directory": str(directory)}
    return {"server_id": server_id, "login": login, **there}


async def registered(http: httpx.AsyncClient, given: dict[str, Any]) -> None:
    """Add a server and confirm its key."""
    added = await http.post(SERVERS, json=given)
    assert added.status_code == 201, added.text
    fingerprint = added.json()["host_key"]["fingerprint"]
    confirmed = await http.post(f"{SERVERS}/{given['server_id']}/confirm", json={"fingerprint": fingerprint})
    assert confirmed.json()["state"] == "confirmed"


async def test_the_whole_way_from_a_new_server_to_a_pushed_script(
    database_url: str, amqp_url: str, sshd: Sshd, tmp_path: Path
) -> None:
    """An operator could not use a server that is reached by SSH alone."""
    async with Deployer(settings(database_url, amqp_url)).up() as deployer:
        await deployer.push(EXAMPLE)
        await registered(deployer.http, body(sshd, tmp_path / "there", {"private_key": sshd.private_key}))
        assert (await deployer.http.post(f"{SERVERS}/tokyo-1/test")).status_code == 200
        status = (await deployer.http.get(f"{SERVERS}/tokyo-1/status")).json()
        assert status["unknown"] == {} and status["agent"]["running"] is False
        pushed = (await deployer.http.post(f"{SERVERS}/tokyo-1/push", json={"script_id": "greeter"})).json()
    there = tmp_path / "there" / "scripts" / "greeter.yaml"
    assert there.read_text() == EXAMPLE
    assert (pushed["path"], pushed["hash"]) == (str(there), content_hash(EXAMPLE.encode()))


async def test_another_replica_with_another_secret_says_so(
    database_url: str, amqp_url: str, sshd: Sshd, tmp_path: Path
) -> None:
    """An operator would look for a broken server when it is the deployer's secret that was changed."""
    async with Deployer(settings(database_url, amqp_url)).up() as deployer:
        await registered(deployer.http, body(sshd, tmp_path / "there", {"private_key": sshd.private_key}))
    other = Deployer(settings(database_url, amqp_url, secret="another secret of the tests"))
    async with other.up(ready=False) as deployer:

        async def says_why() -> bool:
            return "master key" in (await deployer.http.get("/health/ready")).text

        await until(says_why, "the deployer says which key it lacks")
        answer = await deployer.http.post(f"{SERVERS}/tokyo-1/test")
    assert (answer.status_code, answer.json()["type"]) == (424, "urn:callboard:problem:login-unreadable")


async def test_logins_are_in_no_answer_no_log_and_no_row(
    database_url: str, amqp_url: str, sshd: Sshd, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads a log, a backup or an answer could log in on the machines."""
    key = sshd.user_key.export_private_key("openssh", passphrase=PLANTED).decode()
    secrets = [PLANTED, key.splitlines()[3], sshd.private_key.splitlines()[2]]
    root, library = logging.getLogger(), logging.getLogger("asyncssh")
    before, before_structlog = (root.handlers[:], root.level, library.level), structlog.get_config()
    service_logging.configure("deployer", "DEBUG")
    # Loggers that keep this configuration would have it in every test after this one.
    structlog.configure(cache_logger_on_first_use=False)
    library.setLevel(logging.DEBUG)
    answers: list[str] = []

    async def keep(response: httpx.Response) -> None:
        answers.append((await response.aread()).decode())

    try:
        async with Deployer(settings(database_url, amqp_url)).up() as deployer:
            deployer.http.event_hooks["response"].append(keep)
            home = tmp_path / "there"
            await registered(deployer.http, body(sshd, home, {"private_key": key, "passphrase": PLANTED}))
            await registered(deployer.http, body(sshd, home, {"password": PLANTED}, "wrong-password"))
            await deployer.http.post(SERVERS, json=body(sshd, home, {"private_key": key}, "no-passphrase"))
            await deployer.http.post(SERVERS, json=body(sshd, home, {"private_key": key[:-80]}, "broken-key"))
            await deployer.http.post(SERVERS, json=body(sshd, home, {"password": [PLANTED]}, "a-mistake"))
            for server_id in ("tokyo-1", "wrong-password"):
                await deployer.http.post(f"{SERVERS}/{server_id}/test")
                await deployer.http.get(f"{SERVERS}/{server_id}/status")
                await deployer.http.get(f"{SERVERS}/{server_id}")
            await deployer.http.get(SERVERS)
    finally:
        root.handlers[:], _, _ = before
        root.setLevel(before[1])
        library.setLevel(before[2])
        structlog.configure(**before_structlog)
        structlog.contextvars.clear_contextvars()
    logged = "".join(capfd.readouterr())
    assert "Auth" in logged, "asyncssh's own log is part of this"
    assert len(answers) > 12
    rows = await _every_row(database_url)
    assert "tokyo-1" in rows
    for secret in secrets:
        for place in (logged, *answers, rows):
            assert secret not in place
            assert secret.encode().hex() not in place


async def _every_row(database_url: str) -> str:
    connection = await asyncpg.connect(database_url.replace("postgresql+asyncpg", "postgresql"), timeout=10)
    try:
        tables = [
            row["tablename"]
            for row in await connection.fetch("select tablename from pg_tables where schemaname = 'deployer'")
        ]
        rows = [await connection.fetch(f'select t::text as row from deployer."{table}" as t') for table in tables]
        return "\n".join(one["row"] for found in rows for one in found)
    finally:
        await connection.close(timeout=10)
