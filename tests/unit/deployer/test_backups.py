"""Backups: to the byte what the vault has, for the holders of its keys alone; restored wholly or not at all."""

import gzip
import io
import json
import tarfile
from collections.abc import AsyncIterator, Callable

import httpx
import pyrage
import pytest

from shared.contracts.identifiers import content_hash
from tests.unit.deployer.session_making import key_of, telethon_file, telethon_string
from tests.unit.deployer.test_vault import state
from tests.unit.deployer.vault_door import SESSIONS, VaultDoor, open_vault_door

IDENTITY, OTHER = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
RECIPIENT = str(IDENTITY.to_public())
LOCK = {"recipients": [RECIPIENT]}


@pytest.fixture
async def door() -> AsyncIterator[VaultDoor]:
    """A vault with two accounts: `ana` with an upload, another one and a node's state, `bob` with one."""
    async with open_vault_door() as door:
        await door.upload(telethon_file())
        await door.upload(telethon_string(key_of(1)))
        await door.vault.assign("ana", "tokyo", 1)
        await door.vault.sessions.choose("ana", 1)
        await door.vault.record(door.vault.state("ana", "tokyo", state(1), (1, 5, 1)))
        await door.upload(telethon_string(key_of(2)), "bob")
        yield door


@pytest.fixture
async def empty() -> AsyncIterator[VaultDoor]:
    """Another vault."""
    async with open_vault_door() as door:
        yield door


async def backup(door: VaultDoor, **body: object) -> bytes:
    """An archive."""
    response = await door.http.post(f"{SESSIONS}/backup", json=LOCK | body)
    assert response.status_code == 200, response.text
    return response.content


async def restore(door: VaultDoor, archive: bytes, *, check_only: bool = False, **unlock: str) -> httpx.Response:
    """Restore an archive."""
    data = unlock or {"identity": str(IDENTITY)}
    params = {"check_only": "true"} if check_only else {}
    return await door.http.post(f"{SESSIONS}/restore", data=data, params=params, files={"file": ("x.age", archive)})


async def contents(door: VaultDoor) -> dict[str, list[bytes]]:
    """What a vault has, by account."""
    accounts = [view.session.account_id for view in await door.vault.browse.page(None, 100)]
    return {
        account: [await door.vault.content(account, one.version) for one in await door.vault.versions(account)]
        for account in accounts
    }


def refused(response: httpx.Response, told: str) -> None:
    """It is refused with this reason."""
    assert response.status_code == 422, response.text
    assert told in response.json()["detail"] and "nothing was written" in response.json()["detail"]


async def test_a_restore_brings_back_every_byte(door: VaultDoor, empty: VaultDoor) -> None:
    """The vault's disk is lost, and what comes back is not what was there."""
    archive = await backup(door)
    for secret in (key_of(), key_of(1), b"sessions/ana"):
        assert secret not in archive
    response = await restore(empty, archive)
    assert response.status_code == 200, response.text
    told = response.json()
    assert (told["added"], told["there"]) == (4, 0)
    assert await contents(empty) == await contents(door)
    assert await empty.vault.content("ana") == await door.vault.content("ana")
    assert [one.origin.value for one in await empty.vault.versions()] == ["restore"] * 3
    assert [one.form for one in await empty.vault.versions()] == ["telethon-file", "telethon-string", None]
    assert sorted(empty.vault.changes) == ["ana stored 1", "bob stored 1"]


async def test_age_and_tar_alone_show_what_is_in_it(door: VaultDoor) -> None:
    """Without Callboard the logins would be lost."""
    plain = gzip.decompress(pyrage.decrypt(await backup(door), [IDENTITY]))
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        names = archive.getnames()
        assert names[:3] == [f"sessions/ana/{version}.session" for version in (1, 2, 3)]
        assert names[3:] == ["sessions/bob/1.session", "manifest.json"]
        manifest = json.loads(archive.extractfile("manifest.json").read())  # type: ignore[union-attr]
        first = archive.extractfile(names[0]).read()  # type: ignore[union-attr]
    assert first == await door.vault.content("ana", 1)
    assert [(one["account_id"], one["current"], one["origin"]) for one in manifest["sessions"]] == [
        ("ana", True, "upload"),
        ("ana", False, "upload"),
        ("ana", False, "sync"),
        ("bob", True, "upload"),
    ]


async def test_a_repeated_restore_adds_nothing_and_leaves_what_is_there(door: VaultDoor, empty: VaultDoor) -> None:
    """A restore in doubt could not be repeated; or it would undo what came since."""
    archive = await backup(door)
    await restore(empty, archive)
    assert (await restore(empty, archive)).json()["added"] == 0
    await empty.upload(telethon_string(key_of(9)))
    told = (await restore(empty, archive)).json()
    assert (told["added"], told["there"]) == (0, 4)
    assert await empty.vault.current() == 4
    assert [item["current"] for item in told["items"]] == [4, 1]


async def test_a_restored_copy_does_not_hold_up_what_a_node_hands_back(door: VaultDoor, empty: VaultDoor) -> None:
    """After the vault's loss its accounts would move with the archive's states, although nodes still run newer ones."""
    archive = await backup(door)
    await empty.vault.assign("ana", "tokyo", 1)
    await restore(empty, archive)
    assert await empty.vault.current() == 1
    await empty.vault.record(empty.vault.state("ana", "tokyo", state(7), (1, 9, 1), final=True))
    assert await empty.vault.current() == 4


async def test_some_accounts_or_only_what_is_current(door: VaultDoor, empty: VaultDoor) -> None:
    """One account's login could not be handed over without all the others."""
    await restore(empty, await backup(door, account_ids=["ana"], current_only=True))
    assert await contents(empty) == {"ana": [await door.vault.content("ana", 1)]}
    missing = await door.http.post(f"{SESSIONS}/backup", json=LOCK | {"account_ids": ["carl"]})
    assert missing.status_code == 404 and "'carl'" in missing.json()["detail"]


async def test_a_check_says_what_a_restore_would_do(door: VaultDoor, empty: VaultDoor) -> None:
    """An operator would have to try it on the real vault."""
    told = (await restore(empty, await backup(door), check_only=True)).json()
    assert (told["checked_only"], told["added"], told["there"]) == (True, 4, 0)
    assert await contents(empty) == {}


@pytest.mark.parametrize("place", [0.3, 0.5, 0.9, 1.0])
async def test_a_truncated_archive_is_refused_whole(place: float, door: VaultDoor, empty: VaultDoor) -> None:
    """Half of a vault would be restored as if it were all."""
    archive = await backup(door)
    refused(await restore(empty, archive[: int(len(archive) * place) - 1]), "cut or altered")
    assert await contents(empty) == {}


async def test_an_altered_archive_is_refused_whole(door: VaultDoor, empty: VaultDoor) -> None:
    """A login of somebody else's would be restored as the account's."""
    archive = await backup(door)
    for place in range(len(archive) // 4, len(archive), len(archive) // 7):
        altered = bytearray(archive)
        altered[place] ^= 1
        refused(await restore(empty, bytes(altered)), "cut or altered")
    assert await contents(empty) == {}


async def test_an_archive_opens_with_its_own_key_alone(door: VaultDoor, empty: VaultDoor) -> None:
    """Whoever finds a backup would have every login."""
    archive = await backup(door)
    refused(await restore(empty, archive, identity=str(OTHER)), "does not open")
    refused(await restore(empty, archive, passphrase="a passphrase"), "does not open")
    refused(await restore(empty, archive, identity="planted"), "no age identity")
    refused(await restore(empty, b"no archive"), "no age file")
    assert await contents(empty) == {}


def locked(*entries: tuple[str, bytes]) -> bytes:
    """An archive with these entries, locked as ours are."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return bytes(pyrage.encrypt(written.getvalue(), [IDENTITY.to_public()]))


async def opened(archive: bytes) -> list[tuple[str, bytes]]:
    """The entries of an archive."""
    with tarfile.open(fileobj=io.BytesIO(pyrage.decrypt(archive, [IDENTITY])), mode="r:gz") as tar:
        return [(info.name, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]


Change = Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda entries: entries[:-1], "cut or altered"),
        (lambda entries: entries[1:], "not what its manifest names"),
        (lambda entries: [entries[0], *entries], "not what its manifest names"),
        (lambda entries: [(entries[0][0], entries[1][1]), *entries[1:]], "not what its manifest names"),
        (lambda entries: [*entries, ("sessions/x/1.session", b"y")], "behind"),
        (lambda entries: [("../../etc/passwd", b"x"), *entries], "no backup has"),
        (lambda entries: [*entries[:-1], ("manifest.json", b"{}")], "manifest"),
        (lambda entries: [], "cut or altered"),
    ],
)
async def test_a_forged_archive_is_refused_whole(change: Change, told: str, door: VaultDoor, empty: VaultDoor) -> None:
    """Somebody who knows the public key could plant a login, or a file."""
    forged = locked(*change(await opened(await backup(door))))
    refused(await restore(empty, forged), told)
    assert await contents(empty) == {}


async def test_a_hostile_login_in_an_archive_is_refused_whole(door: VaultDoor, empty: VaultDoor) -> None:
    """A restore would bring in what no upload may."""
    await door.vault.record(door.vault.state("ana", "tokyo", state(2), (1, 9, 9)))
    hostile = telethon_file(address="203.0.113.9")
    entries = await opened(await backup(door, account_ids=["bob"]))
    manifest = json.loads(entries[-1][1])
    manifest["sessions"][0] |= {"hash": content_hash(hostile), "size": len(hostile)}
    forged = locked((entries[0][0], hostile), ("manifest.json", json.dumps(manifest).encode()))
    refused(await restore(empty, forged), "not one of Telegram's")


async def test_a_login_of_another_account_is_refused_whole(door: VaultDoor, empty: VaultDoor) -> None:
    """One login would be live under two names."""
    await empty.upload(telethon_file(), "another")
    refused(await restore(empty, await backup(door)), "'another'")
    assert list(await contents(empty)) == ["another"]


async def test_what_cannot_be_locked_or_read_is_refused(door: VaultDoor) -> None:
    """A backup that nobody can open would be found out when it is needed."""
    post = door.http.post
    for body in (
        {},
        LOCK | {"passphrase": "a long passphrase"},
        {"recipients": ["age1planted"]},
        {"passphrase": "short"},
    ):
        assert (await post(f"{SESSIONS}/backup", json=body)).status_code == 422
    assert (await post(f"{SESSIONS}/restore", content=b"x")).status_code == 415
    assert (await post(f"{SESSIONS}/restore", files={"file": ("x", b"y")})).status_code == 422
    both = {"identity": "x", "passphrase": "y"}
    assert (await post(f"{SESSIONS}/restore", files={"file": ("x", b"y")}, data=both)).status_code == 422
