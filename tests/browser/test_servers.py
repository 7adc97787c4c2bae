"""Servers that are reached by SSH."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from playwright.sync_api import expect

from tests.browser.browsing import Operator
from tests.browser.fleet import call
from tests.support.sshd import Sshd, running_sshd
from tests.support.stack import Stack

SERVERS = "/api/v1/group-ai/servers"


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A server to reach; it is minded in a thread, for this one has the browser's event loop."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running_sshd(tmp_path / "sshd")) as server,
    ):
        yield server


def test_a_server_is_added_and_refused_in_its_place(somebody: Operator) -> None:
    """What the deployer refuses is said in the dialog, beside what was typed."""
    somebody.go("/servers")
    expect(somebody.page.get_by_text("No server is known")).to_be_visible()
    assert somebody.faults() == []
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


def test_another_login_lets_in_and_a_script_is_put_there(
    somebody: Operator, stack: Stack, sshd: Sshd, tmp_path: Path
) -> None:
    """A login that is refused is replaced where that is seen, and what is put there is read back."""
    there = {"server_id": "osaka-1", "host": "127.0.0.1", "port": sshd.port, "user": sshd.user}
    call(stack, "POST", SERVERS, {**there, "login": {"password": "wrong"}, "directory": str(tmp_path / "there")})
    call(stack, "POST", f"{SERVERS}/osaka-1/confirm", {"fingerprint": sshd.fingerprint})
    somebody.go("/servers/osaka-1")
    expect(somebody.region("status")).to_contain_text("does not let")
    somebody.page.get_by_role("link", name="Change the login").click()
    dialog = somebody.page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="private key").fill("no key at all")
    assert somebody.faults() == []
    somebody.choose("Replace the login")
    expect(dialog.get_by_role("textbox", name="private key")).to_have_attribute("aria-invalid", "true")
    dialog.get_by_role("textbox", name="private key").fill(sshd.private_key)
    somebody.choose("Replace the login")
    expect(somebody.region("now")).to_contain_text("private key")
    expect(somebody.region("status")).to_contain_text("Answers in")
    somebody.page.get_by_role("link", name="Put a script there").click()
    dialog.get_by_role("combobox").select_option("welcome-desk")
    assert somebody.faults() == []
    somebody.choose("Put it there")
    expect(dialog).to_contain_text("read back from the server")
    expect(dialog).to_contain_text(str(tmp_path / "there" / "scripts" / "welcome-desk.yaml"))
    assert somebody.faults() == []
    assert "id: welcome-desk" in (tmp_path / "there" / "scripts" / "welcome-desk.yaml").read_text("utf-8")
    somebody.go("/servers")
    expect(somebody.row("osaka-1")).to_contain_text("private key")
    assert somebody.faults() == []
    somebody.picture("servers")
