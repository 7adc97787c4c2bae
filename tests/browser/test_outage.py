"""A service that is away."""

import signal

import psutil
from playwright.sync_api import expect

from tests.browser.browsing import Operator
from tests.support.demo import Demo


def test_a_service_that_is_away_is_said_in_its_place(somebody: Operator, demo: Demo) -> None:
    """The rest works on, and what was away comes back by itself."""
    [registry] = [one for one in demo.children() if _runs(one, "services.registry")]
    somebody.go("/")
    registry.send_signal(signal.SIGKILL)
    somebody.page.reload()
    expect(somebody.region("counts")).to_contain_text("The registry does not answer now.")
    expect(somebody.region("running")).to_contain_text("Deployments under way")
    somebody.picture("away")
    expect(somebody.region("counts")).to_contain_text("Nodes", timeout=40_000)


def _runs(process: psutil.Process, module: str) -> bool:
    try:
        return module in process.cmdline()
    except psutil.Error:
        return False
