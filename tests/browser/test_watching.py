"""What happens, what went wrong, and what needs somebody."""

import httpx
from playwright.sync_api import expect

from tests.browser.browsing import Operator
from tests.browser.fleet import MARKUP, account, beat
from tests.support.stack import Stack


def test_events_come_as_they_happen(somebody: Operator, stack: Stack) -> None:
    """The tail shows what the CLI's does, with the same filters."""
    somebody.go("/events?kind=fleet.node&q=tailed")
    expect(somebody.page.get_by_text("Nothing has happened yet")).to_be_visible()
    beat(stack, "tailed", accounts=[])
    expect(somebody.region("tail").locator("li").first).to_contain_text("tailed")
    somebody.go("/events")
    expect(somebody.region("tail").locator("li").first).to_be_visible()
    assert somebody.faults() == []
    somebody.picture("events")


def test_a_dead_letter_is_read_and_dropped(somebody: Operator, stack: Stack) -> None:
    """What could not be handled is found with its reason; dropping it asks first."""
    with httpx.Client(base_url=stack.management_url) as management:
        sent = {"properties": {}, "routing_key": "node.x.account", "payload": MARKUP, "payload_encoding": "string"}
        management.post("/api/exchanges/%2F/callboard.events/publish", json=sent).raise_for_status()
    letter = somebody.page.locator("article").first
    for _ in range(20):
        somebody.go("/dead-letters")
        if letter.count():
            break
    letter.locator("summary").click()
    expect(letter.locator("pre")).to_have_text(MARKUP)
    assert somebody.faults() == []
    somebody.picture("dead-letters")
    letter.get_by_role("link", name="Drop").click()
    expect(somebody.page.get_by_role("dialog")).to_contain_text("cannot be taken back")
    somebody.choose("Drop")
    expect(somebody.page.get_by_text("No message is dead")).to_be_visible()


def test_the_overview_says_what_needs_attention(somebody: Operator, stack: Stack) -> None:
    """An operator who has a minute reads this page; each line leads to the list behind it."""
    beat(stack, "ailing", accounts=[account("ill", "error")])
    somebody.go("/")
    finding = somebody.page.get_by_role("link", name="Accounts in error")
    expect(finding).to_be_visible()
    expect(somebody.page.locator("polyline").first).to_be_attached(timeout=40_000)
    assert somebody.faults() == []
    somebody.picture("overview")
    finding.click()
    expect(somebody.row("ill")).to_be_visible()
    beat(stack, "ailing", accounts=[])
    expect(somebody.page.get_by_text("No account fits these filters")).to_be_visible()


def test_keys_are_changed_and_watched(somebody: Operator) -> None:
    """What a change does is said before it, and how far it is after it; a second one is refused meanwhile."""
    somebody.go("/keys")
    assert somebody.faults() == []
    somebody.picture("keys")
    somebody.page.get_by_role("link", name="Change the signing key").click()
    somebody.choose("Change the key")
    expect(somebody.region("signing")).to_contain_text("is being changed")
    expect(somebody.region("signing").locator("tbody")).to_contain_text("former")
    somebody.page.get_by_role("link", name="Change the signing key").click()
    somebody.choose("Change the key")
    dialog = somebody.page.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_contain_text("a rotation is on its way")
    somebody.choose("Cancel")
    somebody.page.get_by_role("link", name="Seal the vault anew").click()
    assert somebody.faults() == []
    somebody.choose("Seal anew")
    expect(dialog).to_contain_text("Everything is under the key in front")


def test_what_an_account_heard_is_seen_by_hours(somebody: Operator) -> None:
    """A total that only rises does not tell whether anybody still writes."""
    somebody.go("/accounts/demo-a/demo_a_1")
    chart = somebody.region("counts").locator(".hours rect")
    # Counters are looked at once a minute, and the page looks again by itself.
    expect(chart.first).to_be_attached(timeout=100_000)
    expect(somebody.region("counts")).to_contain_text("last 24 hours")
    assert somebody.faults() == []
    somebody.picture("account")
