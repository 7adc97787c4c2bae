"""What the database's errors say, on a real one: they go into logs, and into the reasons of dead letters."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.registry.store.postgres import SCHEMA
from shared.db import Database, new_engine

SECRET = "what-nobody-shall-read"


async def test_an_error_does_not_tell_what_was_to_be_written(database_url: str) -> None:
    """A login, a token's hash or a whole batch would stand in the log, because a row beside it could not be written."""
    database = Database(new_engine(database_url, application="test"))
    insert = text(f"insert into {SCHEMA}.outbox (message_id, type, body) select :id, 't', :body where 1/0 = 1")
    with pytest.raises(DBAPIError) as failed:
        async with database.begin() as connection:
            await connection.execute(insert, [{"id": f"m{each}", "body": SECRET} for each in range(3)])
    await database.close()
    assert "division by zero" in str(failed.value)
    assert SECRET not in str(failed.value)
