"""The broker's logins, in memory and on RabbitMQ. What a node may do there: `tests/integration/security`."""

from collections.abc import AsyncIterator

import pytest

from services.registry.broker.in_memory import InMemoryAccess
from services.registry.broker.rabbit import RabbitAccess
from services.registry.domain.broker_access import BrokerAccess, NodeLogin, password_hash
from tests.support import servers

SALT = b"salt"
TOKYO = NodeLogin("tokyo-1", password_hash("the-first-one", salt=SALT))
OSAKA = NodeLogin("osaka-1", password_hash("the-other-one", salt=SALT))


@pytest.fixture
async def rabbit(amqp_url: str, broker_server: servers.Broker) -> AsyncIterator[BrokerAccess]:
    """RabbitMQ, on a virtual host of its own."""
    access = RabbitAccess(amqp_url, broker_server.management)
    yield access
    await access.close()


@pytest.fixture
def in_memory() -> BrokerAccess:
    """The twin."""
    return InMemoryAccess()


@pytest.fixture(params=["in_memory", "rabbit"])
def access(request: pytest.FixtureRequest) -> BrokerAccess:
    """Each in turn."""
    found: BrokerAccess = request.getfixturevalue(request.param)
    return found


async def test_who_is_let_in_is_there_and_again_changes_nothing(access: BrokerAccess) -> None:
    """A job that grants what is granted would disturb every node with each look."""
    assert not await access.holds(TOKYO)
    await access.grant([TOKYO, OSAKA])
    await access.grant([TOKYO])
    assert await access.holds(TOKYO)
    assert await access.granted() == {TOKYO, OSAKA}
    assert await access.known() == {"tokyo-1", "osaka-1"}


async def test_who_is_cut_off_is_gone(access: BrokerAccess) -> None:
    """A revoked node that can still sign in is not revoked."""
    await access.grant([TOKYO, OSAKA])
    await access.cut_off(["tokyo-1"])
    await access.cut_off(["tokyo-1"])
    assert not await access.holds(TOKYO)
    assert await access.granted() == {OSAKA}


async def test_who_is_locked_out_stays_so_until_it_is_let_in(access: BrokerAccess) -> None:
    """A node that floods would be back in the same moment, or never again."""
    await access.grant([TOKYO, OSAKA])
    await access.lock_out(["tokyo-1"])
    assert await access.locked_out() == {"tokyo-1"}
    assert await access.granted() == {TOKYO, OSAKA}, "it keeps its login"
    await access.let_in(["tokyo-1"])
    await access.let_in(["tokyo-1"])
    assert await access.locked_out() == set()


async def test_no_queue_grows_for_ever(rabbit: RabbitAccess) -> None:
    """Reports that nobody reads, or dead letters, would fill the broker's disk, and then nobody could send anything."""
    await rabbit.bound_queues()
    await rabbit.bound_queues()
    policies = await rabbit._list(f"/api/policies/{rabbit._vhost}")
    assert {policy["name"]: policy["definition"]["overflow"] for policy in policies} == {
        "callboard.reports": "reject-publish",
        "callboard.dead-letters": "drop-head",
    }


async def test_another_password_takes_the_place_of_the_one_before(access: BrokerAccess) -> None:
    """A machine that joined anew could not sign in, or the old one still could."""
    await access.grant([TOKYO])
    newer = NodeLogin("tokyo-1", password_hash("a-newer-one", salt=SALT))
    await access.grant([newer])
    assert not await access.holds(TOKYO)
    assert await access.granted() == {newer}
    await access.disconnect("tokyo-1")


async def test_a_login_that_lost_a_part_is_not_whole(rabbit: RabbitAccess) -> None:
    """A node without its queue, or with more rights than are its, would stay so for ever."""
    await rabbit.grant([TOKYO, OSAKA])
    vhost, username = rabbit._vhost, rabbit.username("tokyo-1")
    more = {"configure": ".*", "write": ".*", "read": ".*"}
    await rabbit._ask("PUT", f"/api/permissions/{vhost}/{username}", json=more)
    await rabbit._ask("DELETE", f"/api/queues/{vhost}/node.osaka-1.commands")
    assert await rabbit.granted() == set()
    assert await rabbit.known() == {"tokyo-1", "osaka-1"}
    await rabbit.grant([TOKYO, OSAKA])
    assert await rabbit.granted() == {TOKYO, OSAKA}
