"""`callboard sessions`, against the vault's own doors."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
from fastapi import FastAPI, Request
from typer.testing import CliRunner, Result

from services.cli.app import build_app
from services.deployer.domain.syncs import SyncOrder
from tests.integration.cli.commands.conftest import Callboard
from tests.support.live_http import live
from tests.unit.deployer.session_making import key_of, pyrogram_string, tdata_files, telethon_file, telethon_string
from tests.unit.deployer.vault_door import SESSIONS, TOKEN, VaultDoor, open_vault_door


class Vault:
    """A vault behind a real port; `asked` are the orders that are the registry's."""

    def __init__(self, url: str, asked: list[dict[str, Any]], door: VaultDoor) -> None:
        self.url = url
        self.asked = asked
        self.door = door


@pytest.fixture
def vault() -> Iterator[Vault]:
    """An empty one."""
    asked: list[dict[str, Any]] = []
    doors: list[VaultDoor] = []

    async def made() -> Any:
        async with open_vault_door() as door:
            doors.append(door)
            api = door.http._transport.app  # type: ignore[attr-defined]

        async def assign(account_id: str, request: Request) -> dict[str, Any]:
            asked.append({"account_id": account_id, **await request.json()})
            return asked[-1]

        origin = FastAPI()
        origin.add_api_route(SESSIONS + "/{account_id}/assign", assign, methods=["POST"])
        origin.mount("/", api)
        return origin

    with live(asyncio.run(made())) as url:
        yield Vault(url, asked, doors[0])


@pytest.fixture
def callboard(alone: Callboard, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Callboard:
    """Runs `callboard …` signed in to the vault."""
    monkeypatch.setenv("CALLBOARD_URL", vault.url)
    monkeypatch.setenv("CALLBOARD_TOKEN", TOKEN)
    return alone


def told(result: Result) -> Any:
    """What a command said for programs."""
    assert result.exit_code == 0, result.output
    # The vault of these tests logs to the same place.
    return json.loads(result.stdout[result.stdout.index("{") :])


def test_logins_are_brought_listed_and_chosen(callboard: Callboard, tmp_path: Path) -> None:
    """The way of every day."""
    (tmp_path / "ana.session").write_bytes(telethon_file())
    (tmp_path / "bob.session").write_bytes(telethon_file(key_of(1)))
    (tmp_path / "string.txt").write_bytes(pyrogram_string(key_of(2)))
    uploaded = callboard("sessions", "upload", str(tmp_path))
    assert uploaded.exit_code == 0 and "ana" in uploaded.stdout and "stored" in uploaded.stdout
    newer = told(callboard("sessions", "upload", "string.txt", "--account", "ana", "--json"))
    assert (newer["stored"], newer["items"][0]["version"], newer["items"][0]["form"]) == (1, 2, "pyrogram-string")
    listed = told(callboard("sessions", "--json"))
    assert [(one["account_id"], one["current"]["version"]) for one in listed["items"]] == [("ana", 2), ("bob", 1)]
    assert "ana goes by version 1" in callboard("sessions", "use", "ana", "1").stdout
    shown = callboard("sessions", "show", "ana")
    assert "current" in shown.stdout and "pyrogram-string" in shown.stdout and "mika" not in shown.stdout
    assert callboard("sessions", "show", "nobody").exit_code == 4
    assert callboard("sessions", "use", "ana", "9").exit_code == 4


def test_what_is_not_taken_is_told_file_by_file(callboard: Callboard, tmp_path: Path) -> None:
    """One bad file would hide what became of the others; or a script would go on as if all were well."""
    (tmp_path / "ana.session").write_bytes(telethon_file())
    (tmp_path / "bob.session").write_bytes(b"no session at all")
    (tmp_path / "carl.session").write_bytes(telethon_string())
    result = callboard("sessions", "upload", "ana.session", "bob.session", "carl.session", "--json")
    assert result.exit_code == 5
    items = json.loads(result.stdout)["items"]
    assert [bool(one.get("refused")) for one in items] == [False, True, True]
    assert "'ana'" in items[2]["refused"]
    assert "2 of 3" in result.stderr
    assert callboard("sessions", "upload", "missing.session").exit_code == 1
    assert callboard("sessions", "upload", "ana.session", "bob.session", "--account", "x").exit_code == 5


def test_a_string_comes_from_a_pipe(callboard: Callboard, monkeypatch: pytest.MonkeyPatch, vault: Vault) -> None:
    """A login on the command line is seen by every user of the machine."""
    monkeypatch.setenv("CALLBOARD_URL", vault.url)
    runner, app = CliRunner(), build_app()
    words = ["sessions", "upload", "-", "--account", "ana", "--json"]
    result = runner.invoke(app, words, input=telethon_string(), prog_name="callboard")
    assert json.loads(result.stdout)["items"][0]["form"] == "telethon-string"


def test_a_folder_of_telegram_desktops_is_packed_without_its_caches(callboard: Callboard, tmp_path: Path) -> None:
    """Gigabytes of pictures would be sent along."""
    tdata_files(tmp_path / "desk" / "tdata", key_of(7), passcode="open sesame")
    (tmp_path / "desk" / "tdata" / "user_data").mkdir()
    (tmp_path / "desk" / "tdata" / "user_data" / "cache").write_bytes(bytes(100_000))
    (tmp_path / "code").write_text("open sesame\n")
    locked = callboard("sessions", "upload", "desk", "--json")
    assert locked.exit_code == 5 and "passcode" in json.loads(locked.stdout)["items"][0]["refused"]
    taken = told(callboard("sessions", "upload", "desk", "--passcode-file", "code", "--json"))
    assert taken["items"][0] | {"hash": ""} == {
        "name": "desk.zip",
        "account_id": "desk",
        "version": 1,
        "hash": "",
        "form": "tdata",
        "added": True,
        "refused": None,
    }


def test_a_download_is_for_its_owner_alone_and_whole(callboard: Callboard, tmp_path: Path) -> None:
    """Every user of the machine would be signed in as the account; or half a file would look like a login."""
    (tmp_path / "ana.session").write_bytes(telethon_file())
    callboard("sessions", "upload", "ana.session")
    result = callboard("sessions", "download", "ana", "-o", "copy.session")
    assert result.exit_code == 0, result.output
    copy = tmp_path / "copy.session"
    assert copy.stat().st_mode & 0o077 == 0 and key_of() in copy.read_bytes()
    assert callboard("sessions", "download", "ana", "-o", "copy.session").exit_code == 5
    assert callboard("sessions", "download", "bob").exit_code == 4
    assert not (tmp_path / "bob.session").exists() and not list(tmp_path.glob("*.part"))


def test_a_backup_is_restored(callboard: Callboard, tmp_path: Path) -> None:
    """A lost vault could not be brought back from the command line."""
    (tmp_path / "ana.session").write_bytes(telethon_file())
    callboard("sessions", "upload", "ana.session")
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "key.txt").write_text(f"# created: today\n{identity}\n")
    made = callboard("sessions", "backup", "vault.age", "--recipient", str(identity.to_public()))
    assert made.exit_code == 0, made.output
    assert callboard("sessions", "backup", "vault.age", "--recipient", str(identity.to_public())).exit_code == 5
    assert callboard("sessions", "remove", "ana").exit_code == 0
    check = told(callboard("sessions", "restore", "vault.age", "--identity", "key.txt", "--check", "--json"))
    assert (check["checked_only"], check["added"]) == (True, 1)
    restored = callboard("sessions", "restore", "vault.age", "--identity", "key.txt")
    assert restored.exit_code == 0 and "1 versions added" in restored.stderr
    (tmp_path / "vault.age").write_bytes((tmp_path / "vault.age").read_bytes()[:-10])
    assert callboard("sessions", "restore", "vault.age", "--identity", "key.txt").exit_code == 5


def test_the_registry_is_asked_to_assign(callboard: Callboard, vault: Vault) -> None:
    """Who has an account is not the vault's to say."""
    assert "goes to tokyo" in callboard("sessions", "assign", "ana", "tokyo").stdout
    assert vault.asked == [{"account_id": "ana", "node_id": "tokyo"}]


def test_a_state_is_asked_for_and_waited_for(
    callboard: Callboard, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup that is made right after would have an older state in it."""
    inside, sync_now = vault.door.vault, vault.door.vault.sync_now
    read = sync_now.one

    async def answered(account_id: str) -> SyncOrder | None:
        order = await read(account_id)
        assert order is not None
        await inside.record(inside.state("ana", "tokyo", telethon_file(), (1, 5, 1), answers=order.sync_id))
        return await read(account_id)

    async def prepare() -> None:
        await inside.upload()
        await inside.node("tokyo")
        await inside.assign("ana", "tokyo", 1)

    assert callboard("sessions", "sync", "ana").exit_code == 4
    asyncio.run(prepare())
    assert "tokyo is asked for the present state of ana" in callboard("sessions", "sync", "ana").stdout
    monkeypatch.setattr(sync_now, "one", answered)
    assert "the vault has the state of ana on tokyo as version" in callboard("sessions", "sync", "ana", "--wait").stdout
    assert told(callboard("sessions", "sync", "ana", "--wait", "--json"))["hash"].startswith("sha256:")
    monkeypatch.setattr(sync_now, "one", read)
    monkeypatch.setattr("services.cli.commands.session_syncs.PATIENCE", 0.0)
    late = callboard("sessions", "sync", "ana", "--wait")
    assert late.exit_code == 1 and "has not answered yet" in late.stderr


def test_a_rotation_goes_on_until_nothing_is_left(callboard: Callboard, tmp_path: Path) -> None:
    """An operator would take the old key away too early."""
    (tmp_path / "ana.session").write_bytes(telethon_file())
    callboard("sessions", "upload", "ana.session")
    assert told(callboard("sessions", "rotate-key", "--json"))["left"] == 0
    assert "the others may go" in callboard("sessions", "rotate-key").stdout
