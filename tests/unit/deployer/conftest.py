"""The deployer's use cases in virtual time."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.deployer.door import Door, open_door
from tests.unit.deployer.stand import Stand


@pytest.fixture
async def stand() -> Stand:
    """A stand with one script and two online nodes, `a` and `b`."""
    stand = Stand()
    await stand.push()
    await stand.see("a", "b")
    return stand


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """The doors over an in-memory deployer that knows nodes `demo-a` and `demo-b`."""
    async with open_door() as door:
        yield door
