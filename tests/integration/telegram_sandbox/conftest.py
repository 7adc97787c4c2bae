from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.telegram_sandbox.api.bodies import ChatRow, UserRow
from tests.integration.telegram_sandbox.stagehands import Theatre


@pytest.fixture
async def theatre(tmp_path: Path) -> AsyncIterator[Theatre]:
    """A running sandbox with an empty world."""
    opened = await Theatre.open(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def ann(theatre: Theatre) -> UserRow:
    """A user."""
    return await theatre.admin.add_user("Ann", "ann_the_first")


@pytest.fixture
async def bob(theatre: Theatre) -> UserRow:
    """Another user."""
    return await theatre.admin.add_user("Bob", "bob_the_second")


@pytest.fixture
async def guest(theatre: Theatre) -> UserRow:
    """A user that no client runs."""
    return await theatre.admin.add_user("Gil", "gil_the_guest")


@pytest.fixture
async def hall(theatre: Theatre, ann: UserRow, bob: UserRow, guest: UserRow) -> ChatRow:
    """A public supergroup with all three in it."""
    return await theatre.admin.add_chat("The hall", "the_hall", [ann.user_id, bob.user_id, guest.user_id])
