"""How many statements a service sends to PostgreSQL, counted in the server's own log.

The log is on for the length of the context only, because writing it costs time: what is counted is not timed. Every
statement counts, `begin` and `commit` too. A read row by row would show as what it is: one for each delivery.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from services.cli.embedded import EmbeddedPostgres

_PREFIX = "application %a: "


@asynccontextmanager
async def statements(postgres: EmbeddedPostgres, application: str) -> AsyncIterator[Callable[[], int]]:
    """Gives how many statements of the application have been seen since the context began."""
    log = postgres.process.command.log
    await _set(postgres, log_statement="all", log_line_prefix=_PREFIX)
    start = log.stat().st_size
    try:
        yield lambda: _count(log, start, application)
    finally:
        await _set(postgres, log_statement="none", log_line_prefix="")


async def _set(postgres: EmbeddedPostgres, **settings: str) -> None:
    connection = await asyncpg.connect(postgres.dsn)
    try:
        for name, value in settings.items():
            await connection.execute(f"alter system set {name} = '{value}'")
        await connection.execute("select pg_reload_conf()")
    finally:
        await connection.close()


def _count(log: Path, start: int, application: str) -> int:
    head = _PREFIX.replace("%a", application)
    heads = (f"{head}LOG:  execute ", f"{head}LOG:  statement: ")
    with log.open("rb") as lines:
        lines.seek(start)
        return sum(line.decode(errors="replace").startswith(heads) for line in lines)
