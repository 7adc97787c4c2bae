from collections.abc import AsyncIterator

import pytest

from tests.component.node_agent.virtual_agent import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Two accounts in the demo chat with a guest."""
    world = World("anna", "bert")
    yield world
    await world.close()
