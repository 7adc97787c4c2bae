"""Tokens, in PostgreSQL and in memory: whatever is said here holds for both."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import text

from services.registry.domain.tokens import NameTaken, NewToken, Token, TokenStore
from services.registry.store.in_memory_tokens import InMemoryTokens
from services.registry.store.tokens import PostgresTokens
from services.registry.use_cases.tokens import Made, Tokens
from shared.clock import VirtualClock
from shared.contracts.roles import Role
from shared.db import Database, new_engine
from shared.http.signing_in import hash_of
from shared.randomness import SeededRandomness

ANA = NewToken("tok_" + "1" * 32, "ana", Role.OPERATOR, "a" * 64, None, "root")
HOUR = 3600.0


@dataclass
class Side:
    """A store, with a hand on its time."""

    store: TokenStore
    database: Database | None = None
    clock: VirtualClock | None = None

    async def pass_time(self, seconds: float) -> None:
        """Let tokens grow older."""
        if self.clock is not None:
            await self.clock.run_for(seconds)
            return
        assert self.database is not None
        times = ("created_at", "ends_at", "last_used_at")
        older = ", ".join(f"{name} = {name} - interval '{seconds} s'" for name in times)
        async with self.database.begin() as connection:
            await connection.execute(text(f"update registry.tokens set {older}"))


@pytest.fixture
def in_memory() -> Side:
    """The twin."""
    clock = VirtualClock()
    return Side(InMemoryTokens(clock), clock=clock)


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[Side]:
    """The real one."""
    database = Database(new_engine(database_url, application="test"))
    yield Side(PostgresTokens(database), database)
    await database.close()


@pytest.fixture(params=["in_memory", "postgres"])
def side(request: pytest.FixtureRequest) -> Side:
    """One of the two, empty."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Side)
    return found


async def added(side: Side, token: NewToken) -> Token:
    """The token, stored."""
    stored = await side.store.add(token)
    assert isinstance(stored, Token)
    return stored


async def test_a_token_is_found_by_its_hash_until_it_is_revoked(side: Side) -> None:
    """Whoever lost a token could not take it back."""
    assert (await added(side, ANA)).opens
    found = await side.store.use(ANA.hash)
    assert found is not None and (found.name, found.role, found.opens) == ("ana", Role.OPERATOR, True)
    assert await side.store.use("b" * 64) is None
    revoked = await side.store.revoke(ANA.id, "bob")
    assert revoked is not None and (revoked.opens, revoked.revoked_by) == (False, "bob")
    again = await side.store.revoke(ANA.id, "eve")
    assert again == revoked
    found = await side.store.use(ANA.hash)
    assert found is not None and not found.opens
    assert await side.store.revoke("tok_" + "9" * 32, "bob") is None


async def test_a_token_ends_by_the_stores_clock(side: Side) -> None:
    """A token that was given for a day would be good for ever."""
    stored = await added(side, replace(ANA, valid_seconds=HOUR))
    assert stored.ends_at is not None and (stored.ends_at - stored.created_at).total_seconds() == HOUR
    await side.pass_time(HOUR - 30)
    found = await side.store.use(ANA.hash)
    assert found is not None and found.opens
    await side.pass_time(60)
    found = await side.store.use(ANA.hash)
    assert found is not None and found.ended and not found.opens


async def test_a_name_is_one_tokens_until_that_is_revoked(side: Side) -> None:
    """'ana' in the audit log could be two people at the same time."""
    await added(side, ANA)
    other = replace(ANA, id="tok_" + "2" * 32, hash="b" * 64)
    assert await side.store.add(other) == NameTaken(ANA.id)
    await side.store.revoke(ANA.id, "root")
    assert await side.store.living("ana") is None
    assert (await added(side, other)).opens
    living = await side.store.living("ana")
    assert living is not None and living.id == other.id
    old = await side.store.use(ANA.hash)
    assert old is not None and not old.opens


async def test_two_who_take_a_name_at_once_do_not_both_get_it(side: Side) -> None:
    """The check alone, without the index, lets both through."""
    tokens = [replace(ANA, id=f"tok_{number:032x}", hash=f"{number:064x}") for number in range(5)]
    outcomes = await asyncio.gather(*(side.store.add(token) for token in tokens))
    assert sum(isinstance(one, Token) for one in outcomes) == 1


async def test_the_last_use_is_written_once_a_minute(side: Side) -> None:
    """Each request of a page would write to the database."""
    await added(side, ANA)
    await side.store.use(ANA.hash)
    first = await side.store.living("ana")
    await side.pass_time(30)
    before = await side.store.living("ana")
    await side.store.use(ANA.hash)
    assert await side.store.living("ana") == before
    await side.pass_time(40)
    await side.store.use(ANA.hash)
    last = await side.store.living("ana")
    assert first is not None and before is not None and last is not None
    assert first.last_used_at is not None and last.last_used_at is not None and before.last_used_at is not None
    assert last.last_used_at > before.last_used_at


async def test_a_revoked_token_is_not_used(side: Side) -> None:
    """The list would say that somebody was in who was not."""
    await added(side, ANA)
    await side.store.revoke(ANA.id, "root")
    await side.store.use(ANA.hash)
    (shown,) = await side.store.page(True, ("", ""), 9)
    assert shown.last_used_at is None


async def test_pages_go_by_name(side: Side) -> None:
    """A token between two pages could not be revoked, because nobody sees it."""
    for number, name in enumerate(("carl", "ana", "bob")):
        await added(side, replace(ANA, id=f"tok_{number:032x}", name=name, hash=f"{number:064x}"))
    first = await side.store.page(True, ("", ""), 2)
    rest = await side.store.page(True, (first[-1].name, first[-1].id), 2)
    assert [token.name for token in (*first, *rest)] == ["ana", "bob", "carl"]


async def test_the_token_itself_is_nowhere(side: Side) -> None:
    """A copy of the database would open the fleet."""
    tokens = Tokens(side.store, SeededRandomness(1))
    made = await tokens.create("ana", Role.ADMIN, HOUR, "root")
    assert isinstance(made, Made) and made.secret.startswith("cbt_") and len(made.secret) == 68
    found = await tokens.whose(hash_of(made.secret))
    assert found is not None and found.id == made.token.id
    assert made.secret not in str(await tokens.page(True, ("", ""), 9))
    if side.database is not None:
        async with side.database.begin() as connection:
            rows = (await connection.execute(text("select tokens::text from registry.tokens"))).all()
        assert rows and made.secret[4:] not in str(rows)


async def test_reserved_names_are_nobodys(side: Side) -> None:
    """Somebody could act as root in the audit log."""
    assert await Tokens(side.store, SeededRandomness(1)).create("root", Role.ADMIN, None, "eve") == NameTaken("")


async def test_what_opens_nothing_is_listed_on_request(side: Side) -> None:
    """Everybody who ever left would hide the five who are in."""
    for number, (name, seconds) in enumerate([("ana", None), ("gone", None), ("over", HOUR)]):
        await added(side, NewToken(f"tok_{number:032x}", name, Role.VIEWER, f"{number:064x}", seconds, "root"))
    await side.store.revoke(f"tok_{1:032x}", "root")
    await side.pass_time(2 * HOUR)
    for dead, names in ((False, ["ana"]), (True, ["ana", "gone", "over"])):
        assert [token.name for token in await side.store.page(dead, ("", ""), 9)] == names
