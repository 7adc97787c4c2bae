"""The bound on what one node may send."""

from shared.clock import VirtualClock
from shared.messaging.flooding import MOST_HEARTBEATS, MOST_REPORTS, WINDOW_SECONDS, FloodBound


async def test_a_node_that_floods_is_told_once_and_taken_in_again_later() -> None:
    """One stolen login would fill the registry's time, or its log."""
    clock, told = VirtualClock(), list[str]()
    bound = FloodBound(clock, told.append)
    taken = [bound.admits("node.tokyo-1.heartbeat") for _ in range(3 * MOST_HEARTBEATS)]
    assert (sum(taken), told) == (MOST_HEARTBEATS, ["tokyo-1"])
    await clock.run_for(WINDOW_SECONDS)
    assert bound.admits("node.tokyo-1.heartbeat")


async def test_reports_that_have_waited_are_no_flood_and_a_flood_goes_on() -> None:
    """An honest node would be locked out when the registry comes back, because its reports have waited for that."""
    clock, told = VirtualClock(), list[str]()
    bound = FloodBound(clock, told.append)

    async def window(reports: int) -> int:
        taken = sum(bound.admits("node.tokyo-1.account") for _ in range(reports))
        await clock.run_for(WINDOW_SECONDS)
        return taken

    assert (await window(2 * MOST_REPORTS), told) == (MOST_REPORTS, [])
    assert (await window(100), told) == (100, [])
    assert (await window(2 * MOST_REPORTS), told) == (MOST_REPORTS, [])
    await clock.run_for(WINDOW_SECONDS)
    assert (await window(2 * MOST_REPORTS), told) == (MOST_REPORTS, []), "not in a row"
    assert (await window(2 * MOST_REPORTS), told) == (MOST_REPORTS, ["tokyo-1"])
    assert (await window(2 * MOST_REPORTS), told) == (MOST_REPORTS, ["tokyo-1"] * 2), "and each time it goes on"


def test_nobody_else_pays_for_it() -> None:
    """The other nodes, and the services' own words, would be lost with the flood."""
    bound = FloodBound(VirtualClock())
    for _ in range(2 * MOST_HEARTBEATS):
        bound.admits("node.tokyo.1.heartbeat")
    assert not bound.admits("node.tokyo.1.heartbeat")
    assert bound.admits("node.tokyo.heartbeat") and bound.admits("node.tokyo.1.account")
    assert all(bound.admits("fleet.assignment.assigned") for _ in range(2 * MOST_REPORTS))
