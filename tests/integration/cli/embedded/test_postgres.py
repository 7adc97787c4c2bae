"""A real private PostgreSQL: started, killed, restarted, frozen, erased."""

import asyncio
from pathlib import Path

import asyncpg
import psutil
import pytest

from services.cli.embedded.postgres import EmbeddedPostgres
from tests.support.ports import free_port


def users_of(directory: Path) -> list[psutil.Process]:
    """The processes that work in this directory or name it in their command line."""
    found = []
    for process in psutil.process_iter():
        try:
            inside = str(directory) in " ".join(process.cmdline()) or process.cwd().startswith(str(directory))
        except psutil.Error:
            continue
        if inside and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


async def ask(server: EmbeddedPostgres, query: str) -> object:
    """One value from the server."""
    connection = await asyncpg.connect(server.dsn, timeout=5)
    try:
        return await connection.fetchval(query, timeout=5)
    finally:
        await connection.close()


async def test_a_life_of_kills_keeps_the_data_until_it_is_erased(tmp_path: Path) -> None:
    """If this broke, fault tests would prove nothing, or a demo would lose its data at a crash."""
    private = tmp_path / "only-mine"
    private.mkdir(mode=0o700)
    async with EmbeddedPostgres(private / "pg", port=free_port()) as server:
        assert await ask(server, "show fsync") == "on"
        assert await ask(server, "select 'ä' > 'b' and lower('Ä') = 'ä'") is True
        await ask(server, "create table kept as select 41 + 1 as answer")

        await server.kill()
        assert users_of(private) == []
        await server.start()
        assert await ask(server, "select answer from kept") == 42

        server.freeze()
        with pytest.raises((TimeoutError, asyncio.TimeoutError)):
            await asyncpg.connect(server.dsn, timeout=0.5)
        server.thaw()
        assert await ask(server, "select answer from kept") == 42

        await server.erase()
        assert users_of(private) == []
        await server.start()
        assert await ask(server, "select to_regclass('kept')::text") is None
    assert users_of(private) == []


async def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    """If this broke, everybody on the machine could read the operator's database."""
    async with EmbeddedPostgres(tmp_path, port=free_port(), fsync=False) as server:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.dsn, password="wrong", timeout=5)
        assert await ask(server, "show fsync") == "off"
        await server.create_database("second")
        await server.create_database("second")
        assert server.url.startswith("postgresql+asyncpg://callboard:")
