"""Backups that are locked with a passphrase: age takes seconds over each try, on purpose."""

from tests.unit.deployer.session_making import telethon_file
from tests.unit.deployer.test_backups import contents, refused, restore
from tests.unit.deployer.vault_door import SESSIONS, open_vault_door


async def test_a_passphrase_locks_an_archive_too() -> None:
    """A vault without anybody's public key at hand could not be backed up."""
    body = {"passphrase": "a long passphrase"}
    async with open_vault_door() as door, open_vault_door() as empty:
        await door.upload(telethon_file())
        response = await door.http.post(f"{SESSIONS}/backup", json=body)
        assert response.status_code == 200
        refused(await restore(empty, response.content, passphrase="another passphrase"), "does not open")
        refused(await restore(empty, response.content), "does not open")
        refused(await restore(empty, response.content[:-1], passphrase=body["passphrase"]), "cut or altered")
        assert (await restore(empty, response.content, passphrase=body["passphrase"])).status_code == 200
        assert await contents(empty) == await contents(door)
