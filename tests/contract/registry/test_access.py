"""Tokens, nodes' keys and the deployer's keys: what holds for the store in memory holds for PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.registry.domain.access_ports import AccessStore
from services.registry.domain.broker_access import NodeLogin
from services.registry.domain.enrolments import Enrolment, KeyPair, NodeKeys
from services.registry.store.access import PostgresAccess
from services.registry.store.in_memory_access import InMemoryAccessStore
from shared.db import Database, new_engine
from tests.support.agent.trusting import trusted

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = KeyPair("s" * 43 + "=", "v" * 43 + "=")
ENROLMENT = Enrolment("enr_1", "hash of a token", None, {"site": "tokyo"}, "root", NOW, NOW + timedelta(hours=1))
TOKYO = NodeKeys("tokyo-1", KEYS, "broker hash", "token hash", "enr_1", NOW, NOW)


@pytest.fixture
def in_memory() -> AccessStore:
    """The twin, empty."""
    return InMemoryAccessStore()


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[AccessStore]:
    """The real store, empty."""
    database = Database(new_engine(database_url, application="test"))
    yield PostgresAccess(database)
    await database.close()


@pytest.fixture(params=["in_memory", "postgres"])
def store(request: pytest.FixtureRequest) -> AccessStore:
    """Each in turn."""
    found: AccessStore = request.getfixturevalue(request.param)
    return found


async def test_a_token_is_found_by_its_hash_and_used_up(store: AccessStore) -> None:
    """A second machine would get in with it."""
    async with store.begin() as transaction:
        await transaction.add_enrolment(ENROLMENT)
    used = replace(ENROLMENT, used_at=NOW, used_by=KEYS, used_node_id="tokyo-1")
    async with store.begin() as transaction:
        assert await transaction.lock_enrolment("hash of another") is None
        assert await transaction.lock_enrolment(ENROLMENT.token_hash) == ENROLMENT
        await transaction.save_enrolment(used)
    async with store.begin() as transaction:
        assert await transaction.lock_enrolment(ENROLMENT.token_hash) == used
        assert await transaction.forget_enrolments(ENROLMENT.expires_at) == 0
        assert await transaction.forget_enrolments(ENROLMENT.expires_at + timedelta(seconds=1)) == 1
        assert await transaction.lock_enrolment(ENROLMENT.token_hash) is None


async def test_a_node_has_its_login_and_its_token_until_it_is_revoked(store: AccessStore) -> None:
    """A revoked node that is still found by its token is not revoked."""
    standings = {await store.standing()}
    async with store.begin() as transaction:
        assert await transaction.lock_node("tokyo-1") is None
        await transaction.save_node(TOKYO)
    standings.add(await store.standing())
    assert await store.node("tokyo-1") == TOKYO
    assert await store.node_of("token hash") == "tokyo-1"
    assert await store.logins() == [NodeLogin("tokyo-1", "broker hash")]
    later = NOW + timedelta(minutes=1)
    async with store.begin() as transaction:
        assert await transaction.lock_node("tokyo-1") == TOKYO
        await transaction.save_node(replace(TOKYO, revoked_at=later, revoked_by="ana", changed_at=later))
    assert await store.node_of("token hash") is None
    assert await store.logins() == [] and await store.revoked() == {"tokyo-1"}
    standings.add(await store.standing())
    assert len(standings) == 3


async def test_older_keys_of_the_deployers_never_replace_newer_ones(store: AccessStore) -> None:
    """An announcement that was late would give new nodes keys that nobody signs with any more."""
    async with store.begin() as transaction:
        assert await transaction.trusted_keys() is None
        assert await transaction.keep_keys(trusted(2))
        assert not await transaction.keep_keys(trusted(1))
        assert not await transaction.keep_keys(trusted(2))
        assert await transaction.keep_keys(trusted(3))
        assert await transaction.trusted_keys() == trusted(3)


async def test_what_fails_has_written_nothing(store: AccessStore) -> None:
    """A token would be used up by a machine that was never let in."""
    with pytest.raises(RuntimeError):
        async with store.begin() as transaction:
            await transaction.save_node(TOKYO)
            raise RuntimeError
    assert await store.node("tokyo-1") is None
