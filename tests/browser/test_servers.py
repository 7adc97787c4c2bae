"""Servers that are reached by SSH."""

from playwright.sync_api import expect

from tests.browser.browsing import Operator


def test_a_server_is_added_and_refused_in_its_place(somebody: Operator) -> None:
    """What the deployer refuses is said in the dialog, beside what was typed."""
    somebody.go("/servers")
    expect(somebody.page.get_by_text("No server is known")).to_be_visible()
    assert somebody.faults() == []
    somebody.picture("servers")
    somebody.page.get_by_role("link", name="Add a server").first.click()
    dialog = somebody.page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("tokyo-1")
    dialog.get_by_label("User").fill("callboard")
    dialog.get_by_label("Host").fill("127.0.0.1")
    dialog.get_by_label("Port").fill("1")
    dialog.get_by_role("radio", name="password").check()
    expect(dialog.get_by_label("private key", exact=True).last).to_be_hidden()
    dialog.get_by_label("password", exact=True).last.fill("secret")
    assert somebody.faults() == []
    somebody.picture("server-new")
    somebody.choose("Add")
    expect(dialog.get_by_role("alert")).to_be_visible()
    expect(dialog.get_by_label("Name")).to_have_value("tokyo-1")
