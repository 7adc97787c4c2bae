"""Nodes of a real fleet that lose what was verified on them: nobody does anything, and it is there again."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.fault.checks import accounts_answer, deployment_ended_verified
from tests.fault.scripts import script
from tests.support.fleet import Fleet
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

DRIFT = "/api/v1/group-ai/script-deployment/drift"


async def test_an_edited_file_and_a_lost_disk_come_back_by_themselves(fleet: Fleet) -> None:
    """A node that runs something else than was verified on it, or nothing, would be found out by its guests."""
    first, second = fleet.nodes
    await fleet.push(script(1, "ping-edited"))
    await deployment_ended_verified(fleet, await fleet.deploy("ping-edited"))
    file = _file(fleet, first, "ping-edited")
    file.write_text(script(1, "ping-edited").replace("pong 1", "pong of somebody"))
    await until(lambda: file.read_text() == script(1, "ping-edited"), "the edited file is back", 60)
    await fleet.kill(second)
    shutil.rmtree(fleet.home / second / "state")
    await fleet.join(second, fleet.home / second / "state")
    await fleet.start_again(second)
    await until(lambda: _file(fleet, second, "ping-edited").exists(), "the reinstalled node has its script", 60)
    await _nothing_is_shown(fleet)
    await until(fleet.all_online, "every account is online again", 60)
    await accounts_answer(fleet, 1)
    rows = await fleet.query(
        "select node_id, attempt, repairs from deployer.desired where script_id = 'ping-edited' order by node_id"
    )
    assert [(row["node_id"], row["attempt"] > 1, row["repairs"] >= 1) for row in rows] == [
        (first, True, True),
        (second, True, True),
    ]
    fleet.assert_alive()


async def test_a_node_restored_from_an_old_image_gets_the_newest_version(fleet: Fleet) -> None:
    """An old backup of a node would bring back the script of that day, and nobody would know."""
    first, _ = fleet.nodes
    await fleet.push(script(1, "ping-image"))
    await deployment_ended_verified(fleet, await fleet.deploy("ping-image"))
    await fleet.kill(first)
    shutil.copytree(fleet.home / first / "state", fleet.home / "image")
    await fleet.start_again(first)
    await until(fleet.all_online, "every account is online again", 60)
    await fleet.push(script(2, "ping-image"))
    await deployment_ended_verified(fleet, await fleet.deploy("ping-image"))
    await fleet.kill(first)
    shutil.rmtree(fleet.home / first / "state")
    shutil.copytree(fleet.home / "image", fleet.home / first / "state")
    await fleet.start_again(first)
    await until(
        lambda: _file(fleet, first, "ping-image").read_text() == script(2, "ping-image"),
        "the newest version is back",
        60,
    )
    await _nothing_is_shown(fleet)
    await until(fleet.all_online, "every account is online again", 60)
    await accounts_answer(fleet, 2)


def _file(fleet: Fleet, node: str, script_id: str) -> Path:
    return fleet.home / node / "state" / "scripts" / f"{script_id}.yaml"


async def _nothing_is_shown(fleet: Fleet) -> None:
    async def nothing() -> bool:
        items: list[Any] | None = (await fleet.get(DRIFT)).get("items")
        return items == []

    await until(nothing, "no drift is shown any more", 60)
