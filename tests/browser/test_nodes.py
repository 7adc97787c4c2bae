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


def test_what_is_wanted_of_a_node_and_of_an_account(somebody: Operator) -> None:
    """Whether accounts move when their node dies is decided before it does; an account may have a wish of its own."""
    somebody.go("/nodes/demo-b")
    somebody.page.get_by_role("link", name="Settings").click()
    dialog = somebody.page.get_by_role("dialog")
    dialog.get_by_label("Most accounts that it may have").fill("many")
    somebody.choose("Store")
    expect(dialog.get_by_role("alert")).to_be_visible()
    assert somebody.faults() == []
    dialog.get_by_label("When it is dead").select_option("move")
    dialog.get_by_label("Most accounts that it may have").fill("20")
    somebody.choose("Store")
    expect(somebody.region("now")).to_contain_text("its accounts move to nodes with room")
    expect(somebody.region("now")).to_contain_text("room for 20")
    somebody.go("/accounts/demo-b/demo_b_1")
    for wish, told in (("wait", "it waits for the node"), ("", "what is said of the node")):
        somebody.region("now").get_by_role("link", name="Change", exact=True).click()
        dialog.get_by_label("When its node is dead").select_option(wish)
        assert somebody.faults() == []
        somebody.choose("Store")
        expect(somebody.region("now")).to_contain_text(told)
    somebody.go("/nodes/demo-b")
    somebody.page.get_by_role("link", name="Settings").click()
    dialog.get_by_label("When it is dead").select_option("wait")
    dialog.get_by_label("Most accounts that it may have").fill("")
    somebody.choose("Store")
    expect(somebody.region("now")).to_contain_text("its accounts wait for it")


def test_a_machine_may_join(somebody: Operator) -> None:
    """The command is shown once, whole, with the address that the operator uses."""
    somebody.go("/nodes")
    somebody.page.get_by_role("link", name="Enrol a node").click()
    somebody.page.get_by_role("dialog").get_by_label("Labels").fill("site=tokyo")
    somebody.choose("Make the token")
    expect(somebody.page.locator("#join")).to_contain_text(f"callboard-agent join {somebody.stack.url} ")
    assert somebody.faults() == []
    somebody.picture("enrol")
