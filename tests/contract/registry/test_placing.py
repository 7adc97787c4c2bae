"""Where an account may be put: nodes that are being emptied, and orders that are refused."""

from collections.abc import Awaitable, Callable

import pytest

from services.registry.domain.assignments import Takeover, Unassignable
from services.registry.domain.views import DrainView
from tests.contract.registry.office import Agent, Office


async def test_a_drained_node_is_emptied_as_far_as_there_is_room(office: Office) -> None:
    """A machine that is to be switched off would take its accounts with it, or fill another one beyond its size."""
    accounts = ["a", "b", "c"]
    n = await office.node("n", *accounts, labels={"site": "x", "rack": "1"})
    m = await office.node("m", labels={"site": "x"})
    o = await office.node("o", labels={"site": "y"})
    await office.policies.set_policy("m", Takeover.WAIT, 2)
    progress = await office.policies.drain("n", ("site",))
    assert isinstance(progress, DrainView)
    assert (progress.assigned, progress.leaving) == (1, 2)
    (left,) = progress.without_place
    assert (left.account_id, "1 nodes that take accounts has site=x" in left.reason) == ("c", True), left.reason
    assert isinstance(await office.order("d", "n"), Unassignable)
    for agent in (n, n, m):
        await agent.beats()
    assert sorted(m.runs) == ["a", "b"]
    await office.policies.set_policy("m", Takeover.WAIT, None)
    await office.empty()
    for agent in (n, n, m, o):
        await agent.beats()
    assert (sorted(m.runs), o.runs) == (accounts, {})
    done = await office.policies.progress("n")
    assert isinstance(done, DrainView)
    assert (done.assigned, done.leaving, done.without_place) == (0, 0, [])
    back = await office.policies.undrain("n")
    assert isinstance(back, DrainView)
    assert not back.draining


async def test_a_login_that_its_node_cannot_hand_over_stays_when_it_is_drained(office: Office) -> None:
    """A node that has not joined has no key of the vault's: its accounts would be taken from it and run nowhere."""
    lonely = Agent(office, "n", "a")
    await lonely.beats()
    await office.node("m")
    progress = await office.policies.drain("n", ())
    assert isinstance(progress, DrainView)
    (left,) = progress.without_place
    assert (progress.leaving, "is not enrolled" in left.reason) == (0, True)


@pytest.mark.parametrize(
    ("prepare", "account_id", "node_id", "slug"),
    [
        ("nothing", "a", "unknown", "unknown-node"),
        ("nothing", "unknown", "m", "unknown-account"),
        ("old agent", "a", "m", "node-takes-no-accounts"),
        ("old agent", "b", "n", "node-gives-nothing-back"),
        ("drain", "a", "m", "node-draining"),
        ("fill", "a", "m", "node-full"),
        ("not enrolled", "a", "x", "node-not-enrolled"),
        ("not enrolled", "c", "m", "node-not-enrolled"),
        ("no login", "a", "m", "no-login"),
    ],
)
async def test_orders_that_cannot_be_carried_out_are_refused(
    office: Office, prepare: str, account_id: str, node_id: str, slug: str
) -> None:
    """An operator would wait for something that never comes."""
    await office.uploads("a")
    await office.node("n")
    m = await office.node("m", "b")
    preparations: dict[str, Callable[[], Awaitable[object]]] = {
        "old agent": lambda: m.beats(assignments=None),
        "drain": lambda: office.policies.drain("m", ()),
        "fill": lambda: office.policies.set_policy("m", Takeover.WAIT, 1),
        "not enrolled": lambda: Agent(office, "x", "c").beats(),
        "no login": lambda: _lose_the_login(office),
    }
    if prepare in preparations:
        await preparations[prepare]()
    await office.told()
    outcome = await office.order(account_id, node_id)
    assert isinstance(outcome, Unassignable)
    assert outcome.slug == slug
    assert await office.told() == [], "and nothing has changed"


async def _lose_the_login(office: Office) -> None:
    n = Agent(office, "n")
    n.seq = 2
    await office.order("a", "n")
    await n.beats()
    await office.uploads("a", change="removed", day=2)
    await n.beats(gives=None)
    await n.beats(gives=None)
    assert await office.stands("a") == ("unassigned", None, 1, None)
