"""A script from an empty page to the nodes that run it, and its versions."""

from playwright.sync_api import expect

from tests.browser.browsing import PHONE, Operator
from tests.browser.fleet import MARKUP, call, until_reported
from tests.support.stack import Stack


def test_a_script_is_written_rehearsed_and_pushed_to_chosen_nodes(somebody: Operator) -> None:
    """The second scenario, from an empty page to 'verified': mistakes at their lines, a rehearsal, a plan."""
    somebody.go("/scripts/new")
    text = somebody.page.get_by_label("The script, in YAML")
    verdict = somebody.page.locator("#verdict")
    expect(verdict).to_contain_text("1 tests passed")
    text.fill(text.input_value().replace("id: my-script", "id: by-hand").replace("reply:", "repyl:"))
    expect(verdict).to_contain_text("to mend")
    expect(somebody.page.locator(".paint .wrong")).to_contain_text("repyl")
    expect(somebody.page.locator(".gutter .wrong").first).to_have_text("10")
    assert somebody.faults() == []
    text.fill(text.input_value().replace("repyl:", "reply:"))
    expect(verdict).to_contain_text("tests passed")
    somebody.page.get_by_label("What the guest says").fill("hello")
    somebody.page.keyboard.press("Enter")
    expect(somebody.page.locator(".bubble.account")).to_contain_text("Hello guest, welcome!")
    somebody.page.get_by_label("What the guest says").fill(MARKUP)
    somebody.page.keyboard.press("Enter")
    expect(somebody.page.locator(".aside").first).to_contain_text("no answer")
    assert somebody.page.locator("img").count() == 0
    assert somebody.faults() == []
    somebody.picture("editor")
    somebody.page.get_by_role("button", name="Store as a new version").click()
    expect(somebody.page.get_by_role("heading", name="by-hand")).to_be_visible()
    somebody.page.get_by_role("link", name="Push to nodes").first.click()
    somebody.page.get_by_label("Find a node").fill("demo")
    somebody.page.get_by_role("checkbox", name="demo-a").check()
    somebody.page.get_by_role("checkbox", name="demo-b").check()
    expect(somebody.page.get_by_text("2 chosen")).to_be_visible()
    assert somebody.faults() == []
    somebody.picture("push")
    somebody.page.get_by_role("button", name="Show the plan").click()
    expect(somebody.region("deliveries")).to_contain_text("nothing of it")
    expect(somebody.region("deliveries")).to_contain_text("welcome-desk")
    assert somebody.faults() == []
    somebody.picture("plan")
    somebody.page.get_by_role("link", name="Start").click()
    somebody.choose("Start")
    expect(somebody.row("demo-a")).to_contain_text("verified")
    expect(somebody.row("demo-b")).to_contain_text("verified")
    expect(somebody.page.locator("h1")).to_contain_text("succeeded")
    somebody.go("/accounts?script_id=by-hand")
    expect(somebody.page.locator("tbody tr")).to_have_count(6)


def test_versions_are_compared(somebody: Operator) -> None:
    """What changed is seen before it is pushed; a text that is refused stays in the editor."""
    somebody.go("/scripts/welcome-desk/edit")
    text = somebody.page.get_by_label("The script, in YAML")
    text.fill(text.input_value() + "# another line\n")
    somebody.page.get_by_role("button", name="Store as a new version").click()
    expect(somebody.page.get_by_role("status").first).to_contain_text("is stored")
    somebody.page.get_by_role("rowheader", name="v2").get_by_role("link").click()
    expect(somebody.page.locator(".difference .plus")).to_contain_text("# another line")
    assert somebody.faults() == []
    somebody.picture("difference")
    somebody.go("/scripts/welcome-desk/edit")
    text.fill("id: broken")
    somebody.page.get_by_role("button", name="Store as a new version").click()
    expect(somebody.page.get_by_role("alert")).to_contain_text("nothing was stored")
    expect(text).to_have_value("id: broken")
    somebody.go("/scripts")
    expect(somebody.row("welcome-desk")).to_contain_text("v2")
    assert somebody.faults() == []
    somebody.picture("scripts")


def test_a_script_is_taken_away_with_care(somebody: Operator, stack: Stack) -> None:
    """A removal takes every option, tells a mistake at its field, and names what it touches before it does."""
    source = "id: fleeting\nchats: ['@my_chat']\nscenes: {a: {triggers: [{command: /a}], steps: [{reply: hello}]}}\n"
    call(stack, "POST", "/api/v1/group-ai/scripts", source, "application/yaml")
    body = {"node_ids": ["demo-a"]}
    ordered = call(stack, "POST", "/api/v1/group-ai/script-deployment/deploy/fleeting", body)
    assert isinstance(ordered, dict)
    somebody.go(f"/deployments/{ordered['deployment_id']}")
    expect(somebody.page.locator("h1")).to_contain_text("succeeded")
    until_reported(stack, "demo-a", "fleeting")
    somebody.go("/scripts/fleeting")
    somebody.page.get_by_role("link", name="Remove from nodes").click()
    expect(somebody.page.locator(".picks li").first).to_contain_text("has v1")
    rate = somebody.page.get_by_label("Nodes a minute")
    expect(rate).to_be_hidden()
    somebody.page.get_by_role("checkbox", name="demo-a").check()
    somebody.page.locator("summary").filter(has_text="More").press("Enter")
    expect(somebody.page.get_by_text("Nodes that match the labels later")).to_be_hidden()
    expect(somebody.page.locator("[data-zone]")).to_have_text("Asia/Taipei")
    rate.fill("600")
    somebody.page.get_by_label("Maintenance window: from").fill("00:00")
    somebody.page.get_by_label("to", exact=True).fill("23:59")
    somebody.page.get_by_label("in the time zone").fill("UTC")
    somebody.page.locator("details.folded").evaluate("part => part.scrollIntoView()")
    somebody.picture("more")
    rate.fill("fast")
    somebody.page.get_by_role("button", name="Show what is taken away").click()
    expect(rate).to_be_focused()
    expect(rate).to_have_accessible_description("Write a number, such as 60.")
    assert somebody.faults() == []
    somebody.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert somebody.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    somebody.page.set_viewport_size({"width": 1280, "height": 800})
    rate.fill("600")
    somebody.page.get_by_role("button", name="Show what is taken away").click()
    expect(somebody.row("demo-a")).to_contain_text("v1")
    expect(somebody.region("progress")).to_contain_text("00:00–23:59")
    somebody.page.get_by_role("link", name="Remove").click()
    expect(somebody.page.get_by_role("dialog")).to_contain_text("1 node loses it: demo-a")
    assert somebody.faults() == []
    somebody.choose("Remove")
    expect(somebody.page.locator("h1")).to_contain_text("succeeded")
    expect(somebody.region("progress")).to_contain_text("have nothing of it any more")
    assert somebody.faults() == []
