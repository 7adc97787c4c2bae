"""The deployer's use cases in virtual time."""

import pytest

from tests.unit.deployer.stand import Stand


@pytest.fixture
async def stand() -> Stand:
    """A stand with one script and two online nodes, `a` and `b`."""
    stand = Stand()
    await stand.push()
    await stand.see("a", "b")
    return stand
