"""One stack, one browser and one sign-in for all files of this folder: each takes longer than most tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, StorageState, expect

from tests.browser.browsing import Operator, chromium, operator
from tests.browser.fleet import lead_astray
from tests.support.demo import Demo
from tests.support.stack import Stack


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`callboard up`, running."""
    running = Demo(tmp_path_factory.mktemp("home"))
    running.start()
    # What drifts is believed after a while only: it begins now, so that nobody has to wait for it.
    lead_astray(running)
    yield running
    running.stop()


@pytest.fixture(scope="package")
def stack(demo: Demo) -> Stack:
    """Where it is."""
    return demo.stack()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser. Not for the session: while it is open, its event loop is in the way of other tests."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def key(browser: Browser, stack: Stack) -> StorageState:
    """The cookie of somebody who has signed in."""
    with operator(browser, stack) as one:
        one.sign_in()
        expect(one.page.get_by_role("heading", name="Overview")).to_be_visible()
        return one.context.storage_state()


@pytest.fixture
def somebody(browser: Browser, stack: Stack, key: StorageState) -> Iterator[Operator]:
    """An operator who has signed in."""
    with operator(browser, stack, key=key) as one:
        yield one
