"""The stack that the system tests speak to: the one that is named by the environment, else `callboard up`.

`tools/compose-test.sh` brings the compose stack up and names it with `CALLBOARD_SYSTEM_URL` and its companions; without
them the demo is started as a user would start it, in a home of its own.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.demo import Demo
from tests.support.stack import Stack


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`callboard up`, running; it leaves no process, also after what the tests did to it."""
    running = Demo(tmp_path_factory.mktemp("home"))
    running.start()
    yield running
    family = running.children()
    running.stop()
    _, alive = psutil.wait_procs(family, timeout=3)
    assert alive == []


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> Stack:
    """Whichever stack there is to test."""
    url = os.environ.get("CALLBOARD_SYSTEM_URL")
    if url is not None:
        named = Stack(
            url=url,
            token=os.environ["CALLBOARD_SYSTEM_TOKEN"],
            sandbox_url=os.environ["CALLBOARD_SYSTEM_SANDBOX"],
            management_url=os.environ["CALLBOARD_SYSTEM_MANAGEMENT"],
        )
        named.wait_until_ready()
        return named
    running: Demo = request.getfixturevalue("demo")
    return running.stack()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """What is about `callboard up` itself is not asked of a compose stack."""
    if os.environ.get("CALLBOARD_SYSTEM_URL") and collection_path.name in ("test_up.py", "test_readme.py"):
        return True
    return None
