"""The same pages in another language, another light and another hand."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, StorageState, expect

from tests.browser.browsing import PAGES, PHONE, operator
from tests.browser.fleet import RAW, assign, call, new_login
from tests.support.stack import Stack


def test_in_the_other_language(browser: Browser, stack: Stack, key: StorageState) -> None:
    """The browser's language is the page's, until one chooses; what one chooses stays."""
    with operator(browser, stack, locale="zh-TW", key=key) as reader:
        for path in ("/", "/nodes/demo-a", "/scripts/new", "/events"):
            reader.go(path)
            expect(reader.page.locator("html[lang=zh-Hant]")).to_be_attached()
        reader.go("/accounts")
        expect(reader.row("demo_a_1")).to_be_visible()
        assert reader.faults() == []
        reader.picture("accounts-zh-TW")
        reader.page.get_by_role("button", name="EN").click()
        expect(reader.page.get_by_role("heading", name="Accounts")).to_be_visible()
        reader.page.get_by_role("button", name="Dark").click()
        expect(reader.page.locator("html[data-theme=dark]")).to_be_attached()
        reader.go("/nodes")
        expect(reader.page.locator("html[lang=en][data-theme=dark]")).to_be_attached()


def test_reasons_in_the_other_language(browser: Browser, stack: Stack, key: StorageState) -> None:
    """Why something is not well is what an operator has to understand; where it leads to goes by what was said."""
    login = new_login(stack, "ended_1", ended_by="SESSION_REVOKED")
    call(stack, "POST", "/api/v1/group-ai/sessions?file_name=ended.session", login, RAW)
    assign(stack, "ended", "demo-b")
    told = "SESSION_REVOKED：登入已從另一台裝置結束。Callboard 不會再嘗試。請用這個帳號重新登入"
    with operator(browser, stack, locale="zh-TW", key=key) as reader:
        reader.go("/")
        reader.page.get_by_role("link", name=told).click()
        expect(reader.row("ended")).to_contain_text(told)
        [reason] = parse_qs(urlsplit(reader.page.url).query)["reason"]
        assert reason.startswith("SESSION_REVOKED: the login was ended from another device.")
        expect(reader.page.locator(".chip")).to_contain_text(told)
        assert reader.faults() == []
        reader.go("/accounts/demo-b/ended")
        expect(reader.region("now")).to_contain_text(told)
    call(stack, "DELETE", "/api/v1/group-ai/accounts/ended/assignment")
    source = "id: unplayed\nchats: ['@my_chat']\nscenes: {a: {triggers: [{command: /a}], steps: [{reply: b}]}}\n"
    call(stack, "POST", "/api/v1/group-ai/scripts", source, "application/yaml")
    stop = [{"failed_percent": 5, "then": "abort"}]
    body = {"node_ids": ["demo-a", "demo-b"], "bind": ["nobody"], "rollout": {"groups": [1, "100%"], "stop": stop}}
    ordered = call(stack, "POST", "/api/v1/group-ai/script-deployment/deploy/unplayed", body)
    assert isinstance(ordered, dict)
    with operator(browser, stack, locale="zh-TW", key=key) as reader:
        reader.go(f"/deployments/{ordered['deployment_id']}")
        expect(reader.region("progress")).to_contain_text("1 個節點中有 1 個失敗：規則只容許低於 5 %")
        expect(reader.region("deliveries")).to_contain_text("沒有載入任何版本；這個節點沒有帳號 nobody")
        assert reader.faults() == []


def test_on_a_phone_at_night(browser: Browser, stack: Stack, key: StorageState) -> None:
    """That is when the operator has to look: nothing is cut off, pushed aside or too dim to be read."""
    with operator(browser, stack, size=PHONE, theme="dark", key=key) as phone:
        for path in PAGES:
            phone.go(path)
            assert phone.faults() == [], path
            wide = phone.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE[0], path
        phone.go("/accounts?node_id=demo-a")
        expect(phone.row("demo_a_1")).to_be_visible()
        phone.picture("accounts-phone")
        phone.page.locator("#menu summary").click()
        phone.page.get_by_role("link", name="Overview").click()
        expect(phone.page.get_by_role("heading", name="Overview")).to_be_visible()
        phone.picture("overview-phone")


def test_what_the_system_prefers_is_shown(browser: Browser, stack: Stack, key: StorageState) -> None:
    """Whoever has set their computer to dark is not dazzled."""
    with operator(browser, stack, theme="dark", key=key) as reader:
        reader.go("/accounts")
        expect(reader.row("demo_a_1")).to_be_visible()
        assert reader.faults() == []
        reader.picture("accounts-dark")
