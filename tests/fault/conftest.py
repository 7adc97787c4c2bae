"""A fleet of real processes for the fault tests.

Starting one takes ten seconds, most of it the broker's and the imports of eight Pythons, so tests that leave it whole
share one; a test that fails, or leaves something down, takes it with it. Scripts of another test stay on the nodes,
which is why every test has a script id of its own.
"""

import sys
from collections.abc import AsyncIterator, Generator

import pytest
import pytest_asyncio

from tests.support.fleet import Fleet

FAILED = pytest.StashKey[bool]()


class SharedFleet:
    """The fleet of this session's fault tests; another one when the last has suffered."""

    def __init__(self, homes: pytest.TempPathFactory) -> None:
        self._homes = homes
        self._fleet: Fleet | None = None

    async def whole(self) -> Fleet:
        """A fleet in which everything runs and every account is online."""
        if self._fleet is not None and not await self._fleet.is_whole():
            await self.give_up()
        if self._fleet is None:
            self._fleet = Fleet(self._homes.mktemp("fleet"))
            await self._fleet.__aenter__()
        return self._fleet

    async def give_up(self) -> None:
        """End it."""
        fleet, self._fleet = self._fleet, None
        if fleet is not None:
            await fleet.__aexit__(None, None, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember how each test went, for what comes after it."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SharedFleet]:
    """What the fault tests of this session share."""
    shared = SharedFleet(tmp_path_factory)
    yield shared
    await shared.give_up()


@pytest_asyncio.fixture(loop_scope="session")
async def fleet(shared_fleet: SharedFleet, request: pytest.FixtureRequest) -> AsyncIterator[Fleet]:
    """Two nodes with their accounts online; other tests may have been here before."""
    fleet = await shared_fleet.whole()
    yield fleet
    if request.node.stash.get(FAILED, False):
        print(fleet.last_words(), file=sys.stderr)
        await shared_fleet.give_up()


@pytest_asyncio.fixture(loop_scope="session")
async def nobody_before(shared_fleet: SharedFleet) -> None:
    """For a test that wants a `fleet` in which nobody has been before; those who come after it have it too."""
    await shared_fleet.give_up()
