from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.node_agent.store.database import Connection, Database, FileConnection, InlineConnection


@pytest.fixture(params=["file", "memory"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty ledger."""
    connection: Connection = (
        await FileConnection.open(tmp_path / "ledger.sqlite") if request.param == "file" else InlineConnection()
    )
    database = Database(connection)
    await database.prepare()
    yield database
    await database.close()
