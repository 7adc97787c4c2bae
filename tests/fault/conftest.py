"""A fleet of real processes for the fault tests; each test gets its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.fleet import Fleet


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    """Two nodes with their accounts online."""
    async with Fleet(tmp_path) as running:
        yield running
