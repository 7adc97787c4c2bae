"""Who sees the page, and what it lets them do."""

import json

from playwright.sync_api import Browser, expect

from tests.browser.browsing import Operator, operator
from tests.support.stack import Stack

# Where operators are offered something, and what.
SOMETHING_TO_DO = ("/scripts", "/scripts/welcome-desk", "/nodes", "/servers", "/sessions", "/accounts/demo-a/demo_a_1")
OFFERED = ("Push to nodes", "New script", "Enrol a node", "Add a server", "Back up", "Add a session string", "Stop")


def test_nobody_sees_anything_before_the_sign_in(browser: Browser, stack: Stack) -> None:
    """A page that is open to everybody shows the fleet to everybody."""
    with operator(browser, stack) as stranger:
        stranger.go("/accounts?source=remote")
        expect(stranger.page.get_by_role("heading", name="Callboard")).to_be_visible()
        stranger.page.get_by_label("Token").fill("wrong")
        stranger.page.get_by_role("button", name="Sign in").click()
        expect(stranger.page.get_by_role("alert")).to_contain_text("Nobody has this token")
        assert stranger.faults() == []
        stranger.picture("sign-in")
        stranger.go("/accounts?source=remote")
        stranger.page.get_by_label("Token").fill(stack.token)
        stranger.page.keyboard.press("Enter")
        expect(stranger.page).to_have_url(f"{stack.url}/accounts?source=remote")
        cookies = {one["name"]: one for one in stranger.context.cookies()}
        assert cookies["callboard_session"]["httpOnly"]
        assert cookies["callboard_session"]["sameSite"] == "Strict"
        assert stack.token not in json.dumps(stranger.context.cookies())
        stranger.page.get_by_role("button", name="Sign out").click()
        expect(stranger.page.get_by_label("Token")).to_be_visible()


def test_a_viewer_is_offered_nothing_and_refused_what_is_forced(browser: Browser, somebody: Operator) -> None:
    """Whoever may only look sees no button, and a form that is sent all the same changes nothing."""
    somebody.go("/tokens")
    somebody.page.get_by_role("link", name="Make a token").first.click()
    somebody.page.get_by_role("dialog").get_by_label("Name of the person or program").fill("looks-only")
    somebody.choose("Make the token")
    expect(somebody.page.get_by_role("dialog")).to_contain_text("not shown again")
    token = somebody.page.locator("#token").text_content()
    somebody.page.get_by_role("link", name="Done").click()
    expect(somebody.row("looks-only")).to_contain_text("viewer")
    assert somebody.faults() == []
    somebody.picture("tokens")
    with operator(browser, somebody.stack) as viewer:
        viewer.sign_in(token)
        expect(viewer.page.get_by_role("heading", name="Overview")).to_be_visible()
        for path in SOMETHING_TO_DO:
            viewer.go(path)
            for offered in OFFERED:
                assert viewer.page.get_by_role("link", name=offered).count() == 0, path
        expect(viewer.page.get_by_role("link", name="Tokens")).to_be_hidden()
        viewer.go("/audit")
        expect(viewer.page.get_by_text("Your role does not show this.")).to_be_visible()
        viewer.go("/scripts/new")
        viewer.page.evaluate("document.getElementById('draft').submit()")
        expect(viewer.page.get_by_role("alert")).to_contain_text("this needs the role operator")
    somebody.go("/audit")
    expect(somebody.page.locator("tbody tr").first).to_be_visible()
    assert somebody.faults() == []
    somebody.picture("audit")


def test_everything_is_reached_with_the_keyboard(somebody: Operator) -> None:
    """Whoever has no mouse signs in, finds an account and opens it."""
    somebody.go("/accounts")
    somebody.page.keyboard.press("Tab")
    expect(somebody.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    somebody.page.keyboard.press("Enter")
    for _ in range(40):
        somebody.page.keyboard.press("Tab")
        if somebody.page.evaluate("document.activeElement.textContent") == "demo_a_1":
            break
    somebody.page.keyboard.press("Enter")
    expect(somebody.page.get_by_role("heading", name="demo_a_1")).to_be_visible()
