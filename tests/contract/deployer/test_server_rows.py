"""What every store of the deployer does with servers."""

from dataclasses import replace
from datetime import timedelta

from services.deployer.domain.installations import Installation, InstallState
from services.deployer.domain.server_problems import Trouble
from services.deployer.domain.servers import HostKey, ServerState
from tests.contract.deployer.conftest import Side
from tests.unit.deployer.making import START, server


async def test_a_server_is_found_as_it_was_stored(side: Side) -> None:
    """Another host key than the confirmed one, or another user, would be asked on the next connection."""
    stored = server("tokyo-1", node_id="node-a", link=True, directory="/srv/callboard")
    async with side.store.begin() as transaction:
        assert await transaction.servers.add(stored, b"sealed")
    async with side.store.begin() as transaction:
        assert await transaction.servers.one("tokyo-1") == stored
        assert await transaction.servers.lock("tokyo-1") == stored
        assert await transaction.servers.sealed("tokyo-1") == b"sealed"
        assert await transaction.servers.one("osaka-1") is None
        assert await transaction.servers.sealed("osaka-1") is None


async def test_a_server_is_not_overwritten(side: Side) -> None:
    """Adding by a name that is taken would send one server's login to another host."""
    async with side.store.begin() as transaction:
        assert await transaction.servers.add(server("tokyo-1"), b"one")
        assert not await transaction.servers.add(server("tokyo-1", host="elsewhere"), b"two")
        assert await transaction.servers.sealed("tokyo-1") == b"one"


async def test_a_changed_login_takes_the_place_of_the_one_before(side: Side) -> None:
    """The old password would be tried with the new user, or the other way round."""
    async with side.store.begin() as transaction:
        await transaction.servers.add(server("tokyo-1"), b"one")
        await transaction.servers.change_login(server("tokyo-1", user="ops", login="agent"), b"two")
    async with side.store.begin() as transaction:
        assert await transaction.servers.one("tokyo-1") == server("tokyo-1", user="ops", login="agent")
        assert await transaction.servers.sealed("tokyo-1") == b"two"


async def test_a_node_has_one_link(side: Side) -> None:
    """Two links of one node would take each other's messages."""
    async with side.store.begin() as transaction:
        assert await transaction.servers.add(server("a", node_id="node-a", link=True), b"")
        assert not await transaction.servers.add(server("b", node_id="node-a", link=True), b"")
        assert await transaction.servers.add(server("c", node_id="node-a", link=False), b"")


async def test_only_confirmed_links_are_linked(side: Side) -> None:
    """Messages would go to a server whose host key nobody has seen."""
    linked = server("b", node_id="node-b", link=True)
    async with side.store.begin() as transaction:
        for one in (server("a", node_id="node-a"), linked, server("c")):
            await transaction.servers.add(one, b"")
        assert await transaction.servers.linked() == []
        confirmed = replace(linked, state=ServerState.CONFIRMED)
        await transaction.servers.save(confirmed)
        assert await transaction.servers.linked() == [confirmed]


async def test_a_new_host_key_is_kept(side: Side) -> None:
    """The key that the operator confirms would not be the one that is compared."""
    changed = replace(
        server("a"), host_key=HostKey("ssh-ed25519 BBBB", "SHA256:b"), updated_at=START + timedelta(hours=1)
    )
    async with side.store.begin() as transaction:
        await transaction.servers.add(server("a"), b"")
        await transaction.servers.save(changed)
    async with side.store.begin() as transaction:
        assert await transaction.servers.one("a") == changed


async def test_removing_takes_the_login_along(side: Side) -> None:
    """A login that nobody can see any more would stay in the database for ever."""
    async with side.store.begin() as transaction:
        await transaction.servers.add(server("a"), b"sealed")
        await transaction.servers.note_installation("a", _installation())
    async with side.store.begin() as transaction:
        assert await transaction.servers.remove("a")
        assert not await transaction.servers.remove("a")
        assert await transaction.servers.sealed("a") is None
        assert await transaction.servers.installation("a") is None
        await transaction.servers.note_installation("a", _installation())
        assert await transaction.servers.installation("a") is None


async def test_servers_are_listed_by_id_in_pages(side: Side) -> None:
    """A page would repeat or skip servers."""
    async with side.store.begin() as transaction:
        for name in ("b", "a-1", "a", "c"):
            await transaction.servers.add(server(name), b"")
        first = await transaction.servers.page(None, 3)
        rest = await transaction.servers.page(first[-1].server_id, 3)
    assert [one.server_id for one in (*first, *rest)] == ["a", "a-1", "b", "c"]


async def test_the_newest_installation_is_kept(side: Side) -> None:
    """An operator would be told of an installation that is long over."""
    ended = replace(
        _installation(),
        state=InstallState.FAILED,
        finished_at=START,
        detail="no room",
        trouble=Trouble.DISK_FULL,
    )
    async with side.store.begin() as transaction:
        await transaction.servers.add(server("a"), b"")
        assert await transaction.servers.installation("a") is None
        await transaction.servers.note_installation("a", _installation())
        assert await transaction.servers.installation("a") == _installation()
        await transaction.servers.note_installation("a", ended)
    async with side.store.begin() as transaction:
        assert await transaction.servers.installation("a") == ended


def _installation() -> Installation:
    return Installation(InstallState.RUNNING, "upload", "0.1.0", START, START + timedelta(minutes=15))
