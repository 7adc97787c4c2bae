"""The same pages in another language, another light and another hand."""

from playwright.sync_api import Browser, StorageState, expect

from tests.browser.browsing import PAGES, PHONE, operator
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
