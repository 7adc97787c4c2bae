"""Drift: what a node has and should not have, and what it lacks; each is settled with two clicks."""

from playwright.sync_api import expect

from tests.browser.browsing import Operator
from tests.browser.fleet import ADOPTED

# It has begun when the stack did; an agent looks at its files every half minute, and nothing is believed at once.
BELIEVED = 75_000


def test_what_a_node_has_is_adopted(somebody: Operator) -> None:
    """After a restore from an old copy the fleet is right and the database is wrong."""
    somebody.go("/drift")
    row = somebody.row(ADOPTED)
    expect(row).to_contain_text("newer", timeout=BELIEVED)
    expect(somebody.row("demo-b")).to_contain_text("altered", timeout=BELIEVED)
    assert somebody.faults() == []
    somebody.picture("drift")
    row.get_by_role("link", name="Adopt").click()
    expect(somebody.page.get_by_role("dialog")).to_contain_text("From now on the node should have version 1")
    assert somebody.faults() == []
    somebody.choose("Adopt")
    expect(somebody.page.get_by_role("status").first).to_contain_text("this is what the node should have")
    expect(row).to_have_count(0)


def test_what_a_node_lacks_is_brought_back(somebody: Operator) -> None:
    """A drift that is only reported waits for somebody, and is mended from the list that shows it."""
    somebody.go("/drift?script_id=astray")
    row = somebody.row("demo-b")
    expect(row).to_contain_text("altered", timeout=BELIEVED)
    row.get_by_role("link", name="Bring back").click()
    expect(somebody.page.get_by_role("dialog")).to_contain_text("replaces what the node has")
    somebody.choose("Bring back")
    expect(somebody.page.get_by_role("status").first).to_contain_text("is being brought back")
    expect(somebody.page.get_by_text("Every node has what it should have")).to_be_visible()
