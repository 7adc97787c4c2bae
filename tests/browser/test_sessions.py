"""The vault: logins go in, to nodes, into a backup and back."""

from pathlib import Path

from playwright.sync_api import FilePayload, expect

from tests.browser.browsing import Operator
from tests.browser.fleet import RAW, call, code_for, new_login, new_phone
from tests.support.stack import Stack


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
    expect(somebody.page.get_by_role("status").first).to_contain_text("demo-b is asked for it")
    expect(somebody.region("versions").locator("tbody tr").first).to_contain_text("demo-b", timeout=20_000)


def test_an_account_is_signed_in_on_its_node(somebody: Operator, stack: Stack) -> None:
    """From a phone number to an account that runs, without a terminal: a wrong code is told where it was typed."""
    phone = "+886900000001"
    new_phone(stack, "newcomer_1", phone)
    somebody.go("/sessions")
    somebody.page.get_by_role("link", name="Sign in to Telegram").click()
    dialog = somebody.page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Account").fill("beginner")
    dialog.get_by_role("combobox").select_option("demo-b")
    dialog.get_by_role("textbox", name="Phone number").fill(phone)
    assert somebody.faults() == []
    somebody.picture("login")
    dialog.get_by_role("textbox", name="Account").fill("be ginner")
    somebody.choose("Begin")
    expect(dialog.get_by_role("textbox", name="Account")).to_have_attribute("aria-invalid", "true")
    dialog.get_by_role("textbox", name="Account").fill("beginner")
    somebody.choose("Begin")
    code = somebody.region("step").get_by_label("Code")
    expect(code).to_be_focused()
    code.fill("00000")
    code.press("Enter")
    expect(somebody.region("step").get_by_role("alert")).to_contain_text("not the code")
    expect(code).to_have_value("")
    assert somebody.faults() == []
    somebody.picture("login-code")
    code.fill(code_for(stack, phone))
    code.press("Enter")
    expect(somebody.page).to_have_url(f"{stack.url}/sessions/beginner")
    expect(somebody.page.get_by_role("status").first).to_contain_text("It goes to demo-b")
    expect(somebody.region("versions").locator("tbody tr").last).to_contain_text("signed in there")
    expect(somebody.region("now")).to_contain_text("demo-b")


def test_the_vault_is_backed_up_and_restored(somebody: Operator, stack: Stack, tmp_path: Path) -> None:
    """What was lost comes back from a file that only its passphrase opens."""
    call(stack, "POST", "/api/v1/group-ai/sessions?file_name=lost.session", new_login(stack, "lost_one"), RAW)
    somebody.go("/sessions")
    somebody.page.get_by_role("link", name="Back up").click()
    dialog = somebody.page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Passphrase").fill("correct horse battery")
    assert somebody.faults() == []
    somebody.picture("backup")
    with somebody.page.expect_download() as download:
        somebody.choose("Make the backup")
    archive = tmp_path / download.value.suggested_filename
    download.value.save_as(archive)
    expect(dialog).to_be_hidden()
    call(stack, "DELETE", "/api/v1/group-ai/sessions/lost")
    somebody.page.get_by_role("link", name="Restore").click()
    dialog.get_by_label("Archive").set_input_files(archive)
    dialog.get_by_role("textbox", name="Passphrase").fill("wrong horse battery")
    somebody.choose("Check it")
    expect(dialog.get_by_role("alert")).to_contain_text("nothing was written")
    dialog.get_by_role("textbox", name="Passphrase").fill("correct horse battery")
    somebody.choose("Check it")
    expect(dialog.get_by_role("status")).to_contain_text("would bring back 1 version")
    assert somebody.faults() == []
    somebody.picture("restore")
    somebody.choose("Restore")
    expect(somebody.page.get_by_role("status").first).to_contain_text("1 versions came back")
    expect(somebody.row("lost")).to_be_visible()
