"""The nodes, one of them, and a machine that may join."""

from playwright.sync_api import expect

from tests.browser.browsing import Operator


def test_nodes_and_one_of_them(somebody: Operator) -> None:
    """Where the accounts run: the lease, the last beat, what is loaded and whether it is as it should be."""
    somebody.go("/nodes")
    expect(somebody.row("demo-b")).to_contain_text("remote")
    somebody.filter("label").fill("site=office")
    expect(somebody.page.locator("tbody tr")).to_have_count(1)
    assert somebody.faults() == []
    somebody.picture("nodes")
    somebody.row("demo-a").get_by_role("link", name="demo-a", exact=True).click()
    expect(somebody.region("scripts")).to_contain_text("welcome-desk")
    expect(somebody.region("scripts")).to_contain_text("in sync")
    expect(somebody.region("accounts")).to_contain_text("demo_a_2")
    expect(somebody.region("now")).to_contain_text("Memory in use")
    assert somebody.faults() == []
    somebody.picture("node")


def test_a_machine_may_join(somebody: Operator) -> None:
    """The command is shown once, whole, with the address that the operator uses."""
    somebody.go("/nodes")
    somebody.page.get_by_role("link", name="Enrol a node").click()
    somebody.page.get_by_role("dialog").get_by_label("Labels").fill("site=tokyo")
    somebody.choose("Make the token")
    expect(somebody.page.locator("#join")).to_contain_text(f"callboard-agent join {somebody.stack.url} ")
    assert somebody.faults() == []
    somebody.picture("enrol")
