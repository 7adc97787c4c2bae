"""A real agent process whose script files are edited, deleted and lost with the whole state folder."""

import shutil
import signal
from pathlib import Path

from shared.contracts.artifacts import AppliedArtifact, FileState
from shared.contracts.identifiers import content_hash
from tests.integration.node_agent.real_node import RealNode
from tests.integration.node_agent.test_real_agent import greeter
from tests.support.agent.orders import again, order
from tests.support.waiting import until

FIRST = order(greeter("hi"))


def told(node: RealNode) -> AppliedArtifact | None:
    """What the newest beat says of the script."""
    return next(iter(node.registry.beats[-1].artifacts), None) if node.registry.beats else None


def file_of(node: RealNode) -> Path:
    """The script's file."""
    return node.home / "state" / "scripts" / "greeter.yaml"


async def playing(node: RealNode) -> None:
    """The agent runs the script and says that its file is intact."""
    await node.start()
    await node.until_online()
    await node.bus.publish(FIRST)
    await until_file(node, FileState.INTACT)


async def until_file(node: RealNode, state: FileState) -> None:
    """Wait until a beat says this of the file."""

    def said() -> bool:
        artifact = told(node)
        return artifact is not None and artifact.file is state

    await until(said, f"the file is {state}")


async def test_edited_and_deleted_files_are_told_and_put_back(node: RealNode) -> None:
    """On a real disk: an editor's rename, a deletion, a folder in the file's place, and the same order again."""
    await playing(node)
    edited = file_of(node).with_suffix(".new")
    edited.write_text(greeter("edited by hand"))
    edited.replace(file_of(node))
    await until_file(node, FileState.ALTERED)
    artifact = told(node)
    assert artifact is not None
    assert artifact.hash == FIRST.artifact.hash
    assert artifact.file_hash == content_hash(greeter("edited by hand").encode())
    await node.bus.publish(again(FIRST))
    await until_file(node, FileState.INTACT)
    assert file_of(node).read_text() == FIRST.content
    file_of(node).unlink()
    await until_file(node, FileState.MISSING)
    await node.bus.publish(again(FIRST, attempt=3))
    await until_file(node, FileState.INTACT)
    assert file_of(node).read_text() == FIRST.content


async def test_a_node_reinstalled_from_nothing_claims_nothing_and_takes_the_order_again(node: RealNode) -> None:
    """An empty state folder must neither stop the agent nor let it claim what it has lost."""
    await playing(node)
    boot = node.registry.beats[-1].boot
    await node.stop(signal.SIGKILL)
    shutil.rmtree(node.home / "state")
    await node.start()
    await until(lambda: node.registry.beats[-1].boot > boot, "the agent is back")
    assert told(node) is None
    await node.bus.publish(again(FIRST, bind=None, bindings={"*": "greeter"}))
    await until_file(node, FileState.INTACT)
    await node.until_online()
    await until(lambda: node.registry.accounts["bert"].script_version == 1, "its accounts play again")


async def test_a_node_restored_from_an_old_image_says_which_order_it_has(node: RealNode) -> None:
    """The time of the order is what tells an old image from a version that is newer than the deployer's memory."""
    await playing(node)
    await node.stop()
    image = node.home / "image"
    shutil.copytree(node.home / "state", image)
    await node.start()
    second = order(greeter("second"), 2)
    await node.bus.publish(second)

    def has_second() -> bool:
        artifact = told(node)
        return artifact is not None and artifact.delivery_id == second.delivery_id

    await until(has_second, "the second version is told")
    await node.stop()
    shutil.rmtree(node.home / "state")
    shutil.copytree(image, node.home / "state")
    boot = node.registry.beats[-1].boot
    await node.start()
    await until(lambda: node.registry.beats[-1].boot > boot, "the agent is back")
    artifact = told(node)
    assert artifact is not None
    assert (artifact.hash, artifact.ordered_at) == (FIRST.artifact.hash, FIRST.issued_at)
    await node.bus.publish(again(second))
    await until(has_second, "the second version is back")
