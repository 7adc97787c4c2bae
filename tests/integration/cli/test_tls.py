"""TLS on every hop: the command line to the origin, the origin to the services, and the services to PostgreSQL."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from services.console.app import build_api
from services.console.settings import ConsoleSettings
from shared.clock import SystemClock
from shared.db import Database, new_engine
from shared.http import serve
from shared.messaging import Unavailable
from tests.integration.cli.office import TOKEN, Office, open_office
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.postgres_tls import TlsDoor, tls_door
from tests.support.waiting import until


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The installation's authority."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Somebody else's."""
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture
async def door(database_url: str, authority: Authority) -> AsyncIterator[TlsDoor]:
    """PostgreSQL behind TLS."""
    async with tls_door(database_url, authority.certificate("postgres").context()) as opened:
        yield opened


@pytest.fixture
async def office(amqp_url: str, database_url: str, door: TlsDoor, authority: Authority) -> AsyncIterator[Office]:
    """A back office with TLS everywhere but to the broker."""
    async with open_office(amqp_url, door.url(database_url, f"sslrootcert={authority.file}"), authority) as found:
        yield found


async def test_the_whole_way_is_encrypted_and_each_end_is_checked(
    office: Office, door: TlsDoor, authority: Authority, stranger: Authority
) -> None:
    """One hop in the clear carries every token, and one that is not checked gives them to whoever asks."""
    assert office.url.startswith("https://")
    assert (await office.callboard("nodes", "--ca", str(authority.file))).exit_code == 0
    made = await office.callboard("tokens", "create", "ana", "--role", "viewer", CALLBOARD_CA_FILE=str(authority.file))
    assert made.exit_code == 0, made.output
    assert door.plain == 0

    for words in ((), ("--ca", str(stranger.file))):
        refused = await office.callboard("nodes", *words)
        assert refused.exit_code == 3 and "not trusted here" in refused.stderr and "--ca" in refused.stderr
        assert TOKEN not in refused.output
    elsewhere = await office.callboard("nodes", "--url", office.url.replace("https", "http"), "--token", TOKEN)
    assert elsewhere.exit_code == 3
    unusable = await office.callboard("nodes", "--ca", "/nowhere/ca.pem")
    assert unusable.exit_code == 3 and "/nowhere/ca.pem cannot be used: No such file" in unusable.stderr


async def test_the_console_sends_nothing_to_a_service_that_it_does_not_trust(
    authority: Authority, stranger: Authority
) -> None:
    """Whoever answers at the registry's address would get the services' token."""
    port, seen = free_port(), list[str]()
    registry = FastAPI(openapi_url=None)
    registry.get("/api/v1/workers")(lambda: seen.append("asked"))
    door = asyncio.create_task(serve(registry, "127.0.0.1", port, authority.certificate("registry")))
    statuses = []
    for ca_file in (stranger.file, None, authority.file):
        settings = ConsoleSettings.model_validate(
            {"registry_url": f"https://127.0.0.1:{port}", "token": TOKEN, "ca_file": ca_file}
        )
        console = build_api(settings, SystemClock())
        headers = {"authorization": f"Bearer {TOKEN}"}
        operator = httpx.AsyncClient(transport=httpx.ASGITransport(console), base_url="http://console", headers=headers)
        async with console.router.lifespan_context(console), operator:
            statuses.append((await operator.get("/api/v1/workers")).status_code)
    assert (statuses, seen) == ([503, 503, 200], ["asked"])
    door.cancel()
    await asyncio.gather(door, return_exceptions=True)


async def _ping(url: str) -> None:
    database = Database(new_engine(url, application="test"))
    try:
        async with database.begin() as connection:
            await connection.execute(text("select 1"))
    finally:
        await database.close()


async def test_the_database_is_checked_as_far_as_the_url_says(
    database_url: str, door: TlsDoor, authority: Authority, stranger: Authority
) -> None:
    """Somebody between would read and write the truth."""
    verify_ca = f"sslmode=verify-ca&sslrootcert={authority.file}"
    for query in (f"sslrootcert={authority.file}", "sslmode=require", verify_ca):
        await _ping(door.url(database_url, query))
    # The certificate is for 127.0.0.1 and localhost; a wrong name is let through by verify-ca alone.
    other = authority.certificate("postgres", "db.example").context()
    async with tls_door(database_url, other) as misnamed:
        await _ping(misnamed.url(database_url, verify_ca))
        refused = [misnamed.url(database_url, f"sslrootcert={authority.file}")]
        strange = f"sslrootcert={stranger.file}"
        for query in (strange, "sslmode=verify-full", f"sslmode=require&{strange}"):
            refused.append(door.url(database_url, query))
        for url in refused:
            with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
                await _ping(url)
    assert door.plain == 0
    with pytest.raises(Unavailable):
        await _ping(door.url(database_url, "sslmode=disable"))
    assert door.plain == 1


async def test_a_certificate_that_is_renewed_is_shown_without_a_restart(authority: Authority) -> None:
    """Every three months the origin would be down, or everybody would be turned away."""
    port, files = free_port(), authority.certificate("renewed")
    trust = ssl.create_default_context(cafile=authority.file)
    api = FastAPI(openapi_url=None)
    api.get("/")(lambda: "here")
    door = asyncio.create_task(serve(api, "127.0.0.1", port, files, look_seconds=0.05))

    async def serial() -> str:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
        except OSError:
            return ""
        shown = writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]
        writer.transport.abort()
        return str(shown)

    first = await until(serial, "the door opens")
    files.key.write_text("half of a pair")
    await asyncio.sleep(0.2)
    assert await serial() == first
    authority.certificate("renewed")

    async def another() -> bool:
        return await serial() not in ("", first)

    await until(another, "the new certificate is shown")
    async with httpx.AsyncClient(verify=trust) as client:
        assert (await client.get(f"https://127.0.0.1:{port}/")).status_code == 200
    door.cancel()
    await asyncio.gather(door, return_exceptions=True)
