"""Headless Chromium, driven as an operator would use it: Debian's package, a fresh profile, nothing sent anywhere."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, StorageState, expect, sync_playwright

from tests.support.debian import program
from tests.support.stack import Stack

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PICTURES = Path(__file__).parents[2] / "docs" / "console"
DESKTOP, PHONE = (1280, 800), (390, 844)
# Every page that is there for whoever has signed in.
PAGES = ("/", "/accounts", "/accounts/demo-a/demo_a_1", "/nodes", "/nodes/demo-a", "/sessions", "/servers", "/scripts",
         "/scripts/new", "/scripts/welcome-desk", "/scripts/welcome-desk/push", "/deployments", "/drift", "/events",
         "/dead-letters", "/audit", "/tokens", "/keys")  # fmt: skip
AXE = Axe()
# What a page may take to show a change; far more than it does, for a machine that does other things too.
SECONDS = 30_000

expect.set_options(timeout=SECONDS)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for the length of the context."""
    # The same engine without what an operator sees around the page: half the processor time.
    path = program("chromium-headless-shell", "chromium-headless-shell", "fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Operator:
    """Somebody at a screen. Whatever the browser complains of is kept, and is a fault of the test that looks."""

    stack: Stack
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Open a page of the console, when what was chosen in a dialog has led to where it leads."""
        expect(self.page.locator("dialog .working")).to_have_count(0)
        self.page.goto(self.stack.url + path)

    def sign_in(self, token: str | None = None) -> None:
        """Sign in with a token, by default the stack's own."""
        self.go("/sign-in")
        self.page.get_by_label("Token").or_(self.page.get_by_label("權杖")).fill(token or self.stack.token)
        self.page.locator("form button.primary").click()

    def row(self, name: str) -> Locator:
        """The row of a table that begins with this name."""
        return self.page.locator("table.rows tbody tr").filter(has=self.page.get_by_role("rowheader", name=name))

    def filter(self, name: str) -> Locator:
        """A field of the filters above a list."""
        return self.page.locator(f".filters [name={name}]")

    def region(self, name: str) -> Locator:
        """A part of the page."""
        return self.page.locator(f"[data-region={name}]")

    def choose(self, name: str) -> None:
        """Choose a button of the dialog that is open."""
        self.page.get_by_role("dialog").get_by_role("button", name=name).click()

    def faults(self) -> list[str]:
        """What axe finds on this page that keeps somebody from using it, once nothing is read any more."""
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)
        found: dict[str, Any] = AXE.run(self.page).response
        return [
            f"{one['id']} ({one['impact']}): {one['help']}: {[node['html'][:150] for node in one['nodes'][:3]]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    def picture(self, name: str) -> None:
        """Keep a picture for the documentation, if the run is for that."""
        if os.environ.get("CALLBOARD_PICTURES"):
            PICTURES.mkdir(exist_ok=True)
            self.page.mouse.move(0, 0)
            self.page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


@contextmanager
def operator(
    browser: Browser,
    stack: Stack,
    *,
    size: tuple[int, int] = DESKTOP,
    locale: str = "en-GB",
    theme: str = "light",
    key: StorageState | None = None,
) -> Iterator[Operator]:
    """An operator at a new screen, signed in if they have a key: the cookie of somebody who was."""
    scheme: Any = theme
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale=locale,
        color_scheme=scheme,
        timezone_id="Asia/Taipei",
        reduced_motion="reduce",
        storage_state=key,
    )
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    somebody = Operator(stack, context, page)
    page.on("pageerror", lambda error: somebody.complaints.append(str(error)))
    page.on("console", lambda said: somebody.complaints.append(said.text) if "Security" in said.text else None)
    page.on("dialog", lambda dialog: somebody.complaints.append(f"a script of somebody else ran: {dialog.message}"))
    yield somebody
    context.close()
    assert somebody.complaints == []
