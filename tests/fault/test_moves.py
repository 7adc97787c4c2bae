"""Accounts that are moved away from nodes which cannot be asked: one is stopped, one has lost its way to the broker.

Telegram destroys a login that two processes use at once, for good. The tests leave the fleet's accounts elsewhere than
where they were, so it is given up behind them.
"""

import asyncio
import random
import shutil
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.campaigns.moves import KILLED, Moves
from tests.fault.conftest import SharedFleet
from tests.support.fleet import DRIFT_MARGIN_SECONDS, LEASE_SECONDS, Fleet
from tests.support.moving import bring_into_the_vault, dead_logins, nodes_online, order, whereabouts
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")
SPARE = "node-c"
# The lease, the margin, the sweeps, and the start on the other node.
MOVED_WITHIN = LEASE_SECONDS + DRIFT_MARGIN_SECONDS + 20.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def moving(shared_fleet: SharedFleet) -> AsyncIterator[Fleet]:
    """Two nodes with their accounts, and a third one without any."""
    fleet = await shared_fleet.whole()
    await fleet.add_node(SPARE)
    await until(lambda: nodes_online(fleet, 3), "the third node is online", 20)
    fleet.nodes = (*fleet.nodes, SPARE)
    yield fleet
    print(fleet.last_words(), file=sys.stderr)
    await shared_fleet.give_up()


async def test_accounts_of_a_stopped_and_of_a_cut_off_node_are_never_live_twice(moving: Fleet) -> None:
    """Both nodes have open connections to Telegram and cannot hear that their accounts were moved."""
    stopped, cut_off, _ = moving.nodes
    accounts = await bring_into_the_vault(moving)
    moving.processes[stopped].freeze()
    moving.links[cut_off].cut()
    for account in accounts:
        await order(moving, account, SPARE)

    async def moved() -> bool:
        return all([(await whereabouts(moving, account)).is_at(SPARE) for account in accounts])

    await until(moved, f"every account is online on {SPARE}", MOVED_WITHIN)
    assert not moving.processes[stopped].running, "the kernel has ended it with its lease"
    moving.processes[stopped].thaw()
    await moving.start_again(stopped)
    moving.links[cut_off].mend()

    await until(lambda: nodes_online(moving, 3), "both nodes are back", 20)
    await asyncio.sleep(3)  # some beats: what a node that is back would do, it does now
    assert await dead_logins(moving) == []
    assert await moved()
    moving.assert_alive()


async def test_a_small_campaign_of_moves_loses_and_doubles_nothing(moving: Fleet) -> None:
    """What takes ten minutes in `make fault` must not be found broken when it is needed."""
    accounts = sorted(row["account_id"] for row in await moving.accounts() if row["status"] == "online")
    campaign = Moves(moving, accounts, random.Random(1), (KILLED,))
    async with campaign.under_load():
        move = await campaign.move(1)
        assert await campaign.end() == []
    assert move.passed, move
    assert campaign.said.answers, "nobody has answered, so nobody has answered twice"


async def test_two_agents_that_run_one_login_are_noticed(moving: Fleet) -> None:
    """The test above could not fail: whatever two nodes did, Telegram would not mind."""
    first = next((moving.home / moving.nodes[0] / "sessions").glob("*.session"))
    (moving.home / SPARE / "sessions").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(first, moving.home / SPARE / "sessions" / "twin.session")

    async def noticed() -> bool:
        return [each.dead for each in await dead_logins(moving)] == ["AUTH_KEY_DUPLICATED"]

    await until(noticed, "the login is destroyed", 20)
