"""The accounts of all nodes, as they change, and one of them."""

from playwright.sync_api import expect

from tests.browser.browsing import Operator
from tests.browser.fleet import MARKUP, account, beat, call
from tests.support.stack import Stack


def test_the_accounts_of_all_nodes_and_those_of_one(somebody: Operator) -> None:
    """The first scenario: remote accounts are seen, with their node, and can be narrowed down to it."""
    somebody.go("/accounts")
    expect(somebody.page.locator("tbody tr")).to_have_count(6)
    somebody.filter("source").select_option("remote")
    expect(somebody.page.locator("tbody tr")).to_have_count(3)
    expect(somebody.page.locator("tbody tr").first).to_contain_text("demo-b")
    expect(somebody.page).to_have_url(f"{somebody.stack.url}/accounts?source=remote")
    somebody.filter("source").select_option("")
    somebody.filter("node_id").fill("demo-a")
    expect(somebody.page.locator("tbody tr")).to_have_count(3)
    somebody.filter("node_id").fill("")
    somebody.filter("label").fill("site=far-away")
    expect(somebody.page.locator("tbody tr")).to_have_count(3)
    somebody.filter("label").fill("")
    expect(somebody.page.locator("tbody tr")).to_have_count(6)
    expect(somebody.row("demo_a_1")).to_contain_text("online")
    assert somebody.faults() == []
    somebody.picture("accounts")
    somebody.row("demo_a_1").get_by_role("link", name="demo_a_1").click()
    expect(somebody.page.get_by_role("heading", name="demo_a_1")).to_be_visible()
    expect(somebody.region("history")).to_contain_text("connecting")
    expect(somebody.region("versions")).to_contain_text("uploaded")
    assert somebody.faults() == []


def test_a_row_changes_as_the_account_does(somebody: Operator, stack: Stack) -> None:
    """The promise is live: without a reload, in its place, with the reason."""
    beat(stack, "moving", accounts=[account("mover"), account("stayer")], labels={"site": "osaka"})
    somebody.go("/accounts?node_id=moving")
    row = somebody.row("mover")
    expect(row).to_contain_text("online")
    somebody.page.evaluate("window.loadedOnce = true")
    beat(stack, "moving", accounts=[account("mover", "limited", message_count=1234), account("stayer")])
    expect(row).to_contain_text("limited")
    expect(row).to_contain_text("1\u202f234")
    beat(stack, "moving", accounts=[account("mover"), account("stayer"), account("newcomer")])
    expect(somebody.row("newcomer")).to_be_visible()
    assert somebody.page.evaluate("window.loadedOnce") is True


def test_lists_are_sorted_and_their_columns_chosen(somebody: Operator, stack: Stack) -> None:
    """Who looks for the busiest account does not read a hundred thousand rows."""
    beat(stack, "sorted", accounts=[account(f"s{number}", message_count=number) for number in range(60)])
    somebody.go("/accounts?node_id=sorted")
    first = somebody.page.locator("tbody tr").first
    expect(first).to_contain_text("s0")
    somebody.page.get_by_role("columnheader", name="Messages").get_by_role("link").click()
    expect(first).to_contain_text("s59")
    somebody.page.get_by_role("link", name="Next page").click()
    expect(first).to_contain_text("s9")
    expect(somebody.page.get_by_text("Page 2")).to_be_visible()
    somebody.page.locator("summary", has_text="Columns").click()
    somebody.page.get_by_label("Replies", exact=True).uncheck()
    expect(somebody.page.get_by_role("columnheader", name="Replies")).to_be_hidden()
    somebody.page.reload()
    expect(somebody.page.get_by_role("columnheader", name="Replies")).to_be_hidden()
    with somebody.page.expect_download() as download:
        somebody.page.get_by_role("link", name="Export CSV").click()
    assert len(download.value.path().read_text().splitlines()) == 61


def test_what_comes_from_outside_is_text(somebody: Operator, stack: Stack) -> None:
    """A node that calls itself a script tag must not run as one in the operator's browser."""
    beat(stack, "hostile", accounts=[account("odd", session_file=MARKUP)], hostname=MARKUP)
    scene = "{triggers: [{command: /a}], steps: [{reply: b}]}"
    script = f"id: hostile\ntitle: '{MARKUP}'\nchats: ['@my_chat']\nscenes: {{a: {scene}}}\n"
    call(stack, "POST", "/api/v1/group-ai/scripts", script, "application/yaml")
    for path in ("/accounts?node_id=hostile", "/nodes", "/nodes/hostile", "/accounts?q=" + MARKUP.replace(" ", "%20")):
        somebody.go(path)
        expect(somebody.page.locator("[data-region]").first).to_be_visible()
        assert somebody.page.locator("img").count() == 0
    expect(somebody.filter("q")).to_have_value(MARKUP)
    somebody.go("/nodes/hostile")
    expect(somebody.page.locator("main")).to_contain_text(MARKUP)


def test_one_cause_is_one_list(somebody: Operator) -> None:
    """What the overview names is found as a filter that can be seen and taken away."""
    somebody.go("/accounts?status=error&reason=the+login+is+dead")
    expect(somebody.page.get_by_text("No account fits these filters")).to_be_visible()
    somebody.page.get_by_role("link", name="Reason: the login is dead").click()
    expect(somebody.page).to_have_url(f"{somebody.stack.url}/accounts?status=error")


def test_an_account_is_stopped_and_started(somebody: Operator) -> None:
    """Both ask first, and the page says what has become of it."""
    somebody.go("/accounts/demo-b/demo_b_3")
    state = somebody.region("now")
    expect(state).to_contain_text("assigned")
    somebody.page.get_by_role("link", name="Stop").click()
    expect(somebody.page.get_by_role("dialog")).to_contain_text("runs nowhere until it is started again")
    assert somebody.faults() == []
    somebody.choose("Stop")
    expect(state).to_contain_text("unassigned")
    expect(somebody.region("versions")).to_contain_text("v1")
    somebody.page.get_by_role("link", name="Start").click()
    somebody.choose("Start")
    expect(state).to_contain_text("of the vault", timeout=40_000)
    expect(state.locator(".badge.good").first).to_have_text("online")


def test_an_account_is_given_another_script(somebody: Operator, stack: Stack) -> None:
    """Only this account, with the plan before anything is sent."""
    source = "id: another\nchats: ['@my_chat']\nscenes: {a: {triggers: [{command: /a}], steps: [{reply: b}]}}\n"
    call(stack, "POST", "/api/v1/group-ai/scripts", source, "application/yaml")
    somebody.go("/accounts/demo-a/demo_a_3")
    somebody.page.get_by_role("link", name="Change script").click()
    somebody.page.get_by_role("dialog").get_by_label("Script").select_option("another")
    assert somebody.faults() == []
    somebody.choose("Show the plan")
    expect(somebody.row("demo-a")).to_contain_text("demo_a_3")
    somebody.page.get_by_role("link", name="Start").click()
    somebody.choose("Start")
    expect(somebody.page.locator("h1")).to_contain_text("succeeded")
    expect(somebody.region("progress")).to_contain_text("demo_a_3")
