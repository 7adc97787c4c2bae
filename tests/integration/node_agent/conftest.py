from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.node_agent.real_node import RealNode


@pytest.fixture
async def node(amqp_url: str, tmp_path: Path) -> AsyncIterator[RealNode]:
    """A node's surroundings: a sandbox with two accounts and a guest, a broker, and a model of the registry."""
    node = await RealNode.open(amqp_url, tmp_path)
    yield node
    await node.close()
