"""The vault: logins go in, to nodes, into a backup and back."""

from pathlib import Path

from playwright.sync_api import FilePayload, expect

from tests.browser.browsing import Operator
from tests.browser.fleet import RAW, call, new_login
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
