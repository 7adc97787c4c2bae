"""What every store of the deployer does: scripts, nodes, bindings, and transactions as such."""

from datetime import timedelta

import pytest

from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.fleet import NodeStatus
from shared.contracts.identifiers import content_hash
from tests.contract.deployer.conftest import Side
from tests.contract.deployer.rows import deployment, with_deployment
from tests.unit.deployer.making import HASH, OTHER_HASH, START, new_script, node, seen


async def test_versions_of_a_script_count_from_one_and_the_same_content_is_one_version(side: Side) -> None:
    """Otherwise pushing twice makes two versions of the same thing, and nodes reload for nothing."""
    async with side.store.begin() as transaction:
        first = await transaction.scripts.add(new_script(body="one"), START)
        second = await transaction.scripts.add(new_script(body="two"), START)
        again = await transaction.scripts.add(new_script(body="one"), START + timedelta(hours=1))
    assert [first.version.info.artifact.version, second.version.info.artifact.version] == [1, 2]
    assert [first.added, second.added, again.added] == [True, True, False]
    assert again.version == first.version


async def test_versions_are_found_by_number_hash_and_script(side: Side) -> None:
    """Otherwise an order would carry another text than the one that was deployed."""
    async with side.store.begin() as transaction:
        await transaction.scripts.add(new_script(body="one \u00e9\n"), START)
        await transaction.scripts.add(new_script(body="two"), START)
        await transaction.scripts.add(new_script("other", "three"), START)
        newest = await transaction.scripts.newest(["greeter", "other", "nobody"])
        latest = await transaction.scripts.version("greeter", newest["greeter"].artifact.version)
        first = await transaction.scripts.version("greeter", 1)
        by_hash = await transaction.scripts.by_hash(content_hash(b"three"))
        several = await transaction.scripts.contents([("greeter", 1), ("other", 1), ("other", 9)])
        versions = await transaction.scripts.versions("greeter")
    assert latest is not None and latest.body == "two"
    assert {script_id: info.artifact.version for script_id, info in newest.items()} == {"greeter": 2, "other": 1}
    assert first is not None and (first.body, first.info.size) == ("one \u00e9\n", 7)
    assert by_hash is not None and by_hash.info.artifact.id == "other"
    assert {key: version.body for key, version in several.items()} == {
        ("greeter", 1): "one \u00e9\n",
        ("other", 1): "three",
    }
    assert [info.artifact.version for info in versions] == [2, 1]


async def test_unknown_scripts_are_nothing(side: Side) -> None:
    """Otherwise a typing mistake in an id would look like a fault of the service."""
    async with side.store.begin() as transaction:
        assert not await transaction.scripts.lock("nobody")
        assert await transaction.scripts.newest(["nobody"]) == {}
        assert await transaction.scripts.version("nobody", 1) is None
        assert await transaction.scripts.versions("nobody") == []
        assert await transaction.scripts.by_hash(OTHER_HASH) is None


async def test_scripts_are_listed_by_id_in_pages(side: Side) -> None:
    """Otherwise a page would repeat or skip scripts."""
    async with side.store.begin() as transaction:
        for script_id in ("b", "a-1", "a", "c", "a_1"):
            await transaction.scripts.add(new_script(script_id), START)
        first = await transaction.scripts.page(None, 3)
        rest = await transaction.scripts.page(first[-1].latest.artifact.id, 3)
    assert [one.latest.artifact.id for one in first + rest] == ["a", "a-1", "a_1", "b", "c"]


async def test_nodes_are_kept_whole_and_only_rise(side: Side) -> None:
    """Otherwise an old observation that comes late would bring back an old state."""
    loaded = AppliedArtifact(id="greeter", version=1, hash=HASH, tests_passed=True)
    new = node(labels={"region": "eu"}, boot=2, seq=5, artifacts=(loaded,), source="local")
    async with side.store.begin() as transaction:
        await transaction.nodes.save([new, node("b", status=NodeStatus.OFFLINE)])
        await transaction.nodes.save([node(boot=1, seq=9)])
        known = await transaction.nodes.lock(["a", "nobody"])
        everybody = await transaction.nodes.all()
    assert known == {"a": new}
    assert {one.node_id: one.online for one in everybody} == {"a": True, "b": False}


async def test_what_a_committed_transaction_announces_is_in_the_outbox_and_rings(side: Side) -> None:
    """Otherwise a change would be committed and nobody told."""
    async with side.store.begin() as transaction:
        await transaction.announce([seen("a")])
        assert side.rings == []
    async with side.store.begin() as transaction:
        await transaction.scripts.lock("nobody")
    assert await side.announced() == [seen("a")]
    assert side.rings == [None]


async def test_a_failed_transaction_leaves_nothing_behind(side: Side) -> None:
    """Otherwise an order could be published for a delivery that does not exist."""
    with pytest.raises(RuntimeError, match="halfway"):
        async with side.store.begin() as transaction:
            await with_deployment(transaction, "a")
            await transaction.announce([seen("a")])
            raise RuntimeError("halfway")
    async with side.store.begin() as transaction:
        assert not await transaction.scripts.lock("greeter")
        assert await transaction.deployments.one(deployment().id) is None
    assert await side.announced() == []
    assert side.rings == []


async def test_bindings_are_read_without_being_made(side: Side) -> None:
    """Otherwise to plan would write."""
    async with side.store.begin() as transaction:
        await transaction.bindings.lock(["a"])
        await transaction.bindings.save({"a": {"*": "greeter"}})
        assert await transaction.bindings.of(["a", "b"]) == {"a": {"*": "greeter"}}


async def test_bindings_are_empty_until_they_are_saved(side: Side) -> None:
    """Otherwise an order would not see what the order before it has bound, or would meet the bindings of others."""
    async with side.store.begin() as transaction:
        assert await transaction.bindings.lock(["b", "a"]) == {"a": {}, "b": {}}
        await transaction.bindings.save({"a": {"*": "greeter", "acc-1": "other"}})
    async with side.store.begin() as transaction:
        assert await transaction.bindings.lock(["a", "b"]) == {"a": {"*": "greeter", "acc-1": "other"}, "b": {}}


async def test_bindings_of_a_transaction_that_failed_are_not_kept(side: Side) -> None:
    """Otherwise a refused order would be compared with the next one."""
    with pytest.raises(RuntimeError, match="broken"):
        async with side.store.begin() as transaction:
            await transaction.bindings.lock(["a"])
            await transaction.bindings.save({"a": {"*": "greeter"}})
            raise RuntimeError("broken")
    async with side.store.begin() as transaction:
        assert await transaction.bindings.lock(["a"]) == {"a": {}}
