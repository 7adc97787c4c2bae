"""One stack and one browser for the file that asks for them: both take longer to start than most tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.browsing import Operator, chromium, operator
from tests.support.demo import Demo
from tests.support.stack import Stack


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`callboard up`, running."""
    running = Demo(tmp_path_factory.mktemp("home"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def stack(demo: Demo) -> Stack:
    """Where it is."""
    return demo.stack()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser. Not for the session: while it is open, its event loop is in the way of other tests."""
    with chromium() as started:
        yield started


@pytest.fixture
def somebody(browser: Browser, stack: Stack) -> Iterator[Operator]:
    """An operator who has signed in."""
    with operator(browser, stack) as one:
        yield one
