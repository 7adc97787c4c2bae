"""The operator's page in a real browser, on the real stack: what it shows, what it does, and for whom.

All of it is in one file, because a file is what shares a stack.
"""

import base64
import json
import signal
import urllib.request

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, FilePayload, expect

from tests.browser.browsing import PHONE, Operator, operator
from tests.support.demo import Demo
from tests.support.stack import Stack

MARKUP = "<img src=x onerror=alert(1)>"
PAGES = ("/", "/accounts", "/nodes", "/servers", "/scripts", "/scripts/new", "/scripts/welcome-desk",
         "/scripts/welcome-desk/push", "/deployments", "/drift", "/events", "/dead-letters")  # fmt: skip


def call(stack: Stack, method: str, path: str, body: object = None, media_type: str = "application/json") -> object:
    """What the API answers."""
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {stack.token}", "content-type": media_type}
    request = urllib.request.Request(stack.url + path, content if body is not None else None, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def beat(stack: Stack, node_id: str, **fields: object) -> None:
    """A worker over HTTP reports: a node that the test moves as it likes."""
    call(stack, "POST", "/api/v1/workers/heartbeat", {"node_id": node_id, **fields})


def account(account_id: str, status: str = "online", **fields: object) -> dict[str, object]:
    """One account of such a worker."""
    return {"account_id": account_id, "status": status, **fields}


def test_nobody_sees_anything_before_the_sign_in(browser: Browser, stack: Stack) -> None:
    """A page that is open to everybody shows the fleet to everybody."""
    with operator(browser, stack, signed_in=False) as stranger:
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
    assert somebody.faults() == []
    somebody.picture("account")


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
        somebody.page.wait_for_load_state("networkidle")
        assert somebody.page.locator("img").count() == 0
    expect(somebody.filter("q")).to_have_value(MARKUP)
    somebody.go("/nodes/hostile")
    expect(somebody.page.locator("main")).to_contain_text(MARKUP)


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
    assert somebody.faults() == []
    somebody.picture("node")


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


def new_login(stack: Stack, name: str) -> bytes:
    """The session file of a new Telegram user of the sandbox."""
    with httpx.Client(
        base_url=f"{stack.sandbox_url}/api/v1", headers={"authorization": f"Bearer {stack.token}"}
    ) as sandbox:
        user = sandbox.post("/users", json={"first_name": name, "username": name}).raise_for_status().json()
        made = sandbox.post("/sessions", json={"user_id": user["user_id"]}).raise_for_status().json()
    return base64.b64decode(made["session_file"])


def test_a_session_is_uploaded_assigned_and_seen_online(somebody: Operator, stack: Stack) -> None:
    """The third scenario: a file is dropped, refused if it is no login, given to a node, and lives there."""
    somebody.go("/sessions")
    assert somebody.faults() == []
    files: list[FilePayload] = [
        {"name": "arrival.session", "mimeType": "application/octet-stream", "buffer": new_login(stack, "arrival_1")},
        {"name": "holiday.session", "mimeType": "application/octet-stream", "buffer": b"no login at all"},
    ]
    somebody.page.locator("input[type=file]").set_input_files(files)
    expect(somebody.page.locator(".uploads li").nth(0)).to_contain_text("stored as version 1")
    expect(somebody.page.locator(".uploads li").nth(1).locator(".bad-text, .notice")).to_be_visible()
    expect(somebody.row("arrival")).to_contain_text("nowhere")
    assert somebody.faults() == []
    somebody.picture("sessions")
    somebody.row("arrival").get_by_role("link", name="arrival").click()
    assert somebody.faults() == []
    somebody.picture("session")
    somebody.page.get_by_role("link", name="Assign").click()
    somebody.page.get_by_role("dialog").get_by_label("Node").select_option("demo-b")
    somebody.choose("Assign")
    expect(somebody.region("now")).to_contain_text("demo-b")
    somebody.go("/accounts?q=arrival")
    expect(somebody.row("arrival")).to_contain_text("online", timeout=40_000)
    expect(somebody.row("arrival")).to_contain_text("demo-b")
    somebody.go("/sessions/arrival")
    somebody.page.get_by_role("link", name="Hand back now").click()
    somebody.choose("Hand back now")
    expect(somebody.page.get_by_text("demo-b is asked for it")).to_be_visible()
    expect(somebody.region("versions").locator("tbody tr").first).to_contain_text("demo-b", timeout=20_000)


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
    with operator(browser, somebody.stack, signed_in=False) as viewer:
        viewer.sign_in(token)
        expect(viewer.page.get_by_role("heading", name="Overview")).to_be_visible()
        for path in PAGES:
            viewer.go(path)
            for offered in ("Push to nodes", "Store as a new version", "New script", "Enrol a node", "Add a server"):
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


def test_without_drift_the_page_says_so(somebody: Operator) -> None:
    """An empty table leaves it open whether nothing is wrong or nothing is known."""
    somebody.go("/drift")
    expect(somebody.page.get_by_text("Every node has what it should have")).to_be_visible()
    assert somebody.faults() == []
    somebody.picture("drift")


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
    dialog.get_by_label("password", exact=True).last.fill("secret")
    dialog.get_by_role("radio", name="password").check()
    assert somebody.faults() == []
    somebody.picture("server-new")
    somebody.choose("Add")
    expect(dialog.get_by_role("alert")).to_be_visible()
    expect(dialog.get_by_label("Name")).to_have_value("tokyo-1")


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
        somebody.page.wait_for_timeout(250)
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


@pytest.mark.parametrize(("locale", "theme"), [("en-GB", "dark"), ("zh-TW", "light"), ("zh-TW", "dark")])
def test_both_languages_in_both_themes(browser: Browser, stack: Stack, locale: str, theme: str) -> None:
    """What the browser asks for is what one sees, and what one chooses stays."""
    words = {"en-GB": ("Accounts", "EN"), "zh-TW": ("帳號", "中")}
    with operator(browser, stack, locale=locale, theme=theme) as reader:
        for path in PAGES:
            reader.go(path)
            assert reader.faults() == [], path
        expect(reader.page.get_by_role("link", name=words[locale][0], exact=True).first).to_be_visible()
        reader.go("/accounts")
        expect(reader.row("demo_a_1")).to_be_visible()
        reader.picture(f"accounts-{locale}-{theme}")
        other = "zh-TW" if locale == "en-GB" else "en-GB"
        reader.page.get_by_role("button", name=words[other][1]).click()
        expect(reader.page.get_by_role("heading", name=words[other][0])).to_be_visible()
        reader.page.get_by_role("button", name="Dark").or_(reader.page.get_by_role("button", name="深色")).click()
        assert reader.page.locator("html").get_attribute("data-theme") == "dark"


def test_on_a_phone_rows_fold(browser: Browser, stack: Stack) -> None:
    """At night the operator has a phone: nothing is cut off and nothing has to be pushed aside."""
    with operator(browser, stack, size=PHONE) as phone:
        for path in PAGES:
            phone.go(path)
            phone.page.wait_for_load_state("networkidle")
            wide = phone.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE[0], path
            assert phone.faults() == [], path
        phone.go("/accounts?node_id=demo-a")
        expect(phone.row("demo_a_1")).to_be_visible()
        phone.picture("accounts-phone")
        phone.page.locator("#menu summary").click()
        phone.page.get_by_role("link", name="Overview").click()
        expect(phone.page.get_by_role("heading", name="Overview")).to_be_visible()
        phone.picture("overview-phone")


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


def test_a_service_that_is_away_is_said_in_its_place(somebody: Operator, demo: Demo) -> None:
    """The rest works on, and what was away comes back by itself."""
    [registry] = [one for one in demo.children() if _runs(one, "services.registry")]
    somebody.go("/")
    registry.send_signal(signal.SIGKILL)
    somebody.page.reload()
    expect(somebody.region("counts")).to_contain_text("The registry does not answer now.")
    expect(somebody.region("running")).to_contain_text("Deployments under way")
    somebody.picture("away")
    expect(somebody.region("counts")).to_contain_text("Nodes", timeout=40_000)


def _runs(process: psutil.Process, module: str) -> bool:
    try:
        return module in process.cmdline()
    except psutil.Error:
        return False
