"""Deployments, as they go and back."""

from playwright.sync_api import expect

from tests.browser.browsing import Operator
from tests.browser.fleet import call
from tests.support.stack import Stack


def test_a_deployment_is_watched_and_rolled_back(somebody: Operator, stack: Stack) -> None:
    """Each node's way to 'verified' is seen as it goes; the way back asks first, and says what it touches."""
    source = "id: watched\nchats: ['@my_chat']\nscenes: {a: {triggers: [{command: /a}], steps: [{reply: %s}]}}\n"
    for words in ("one", "two"):
        call(stack, "POST", "/api/v1/group-ai/scripts", source % words, "application/yaml")
        body = {"node_ids": ["demo-a", "demo-b"], "rollout": {"groups": [1, "100%"]}}
        ordered = call(stack, "POST", "/api/v1/group-ai/script-deployment/deploy/watched", body)
        assert isinstance(ordered, dict)
        somebody.go(f"/deployments/{ordered['deployment_id']}")
        expect(somebody.page.locator("h1")).to_contain_text("succeeded")
        expect(somebody.row("demo-b")).to_contain_text("verified")
    assert somebody.faults() == []
    somebody.picture("deployment")
    somebody.page.get_by_role("link", name="Roll back").click()
    expect(somebody.page.get_by_role("dialog")).to_contain_text("2 nodes that were sent to get back")
    assert somebody.faults() == []
    somebody.choose("Cancel")
    expect(somebody.page.get_by_role("dialog")).to_be_hidden()
    somebody.page.get_by_role("link", name="Roll back").click()
    somebody.choose("Roll back")
    expect(somebody.page.get_by_role("status")).to_contain_text("brought back")
    expect(somebody.page.locator("h1")).to_contain_text("succeeded")
    somebody.go("/deployments")
    expect(somebody.page.locator("tbody tr").first).to_contain_text("a roll-back")
    assert somebody.faults() == []
    somebody.picture("deployments")
