"""What every store of the deployer does with sessions, sign-ins and sealed secrets."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from services.deployer.domain.keeping import SealedRow, Shelf
from services.deployer.domain.sessions import Holder, Session, SessionVersion, SyncPlace, chosen, synced
from services.deployer.domain.sign_ins import SignIn
from services.deployer.domain.syncs import SyncOrder
from shared.contracts.identifiers import content_hash
from shared.contracts.logins import LoginKind, LoginState
from shared.contracts.sessions import SessionOrigin
from tests.contract.deployer.conftest import Side
from tests.unit.deployer.making import START, server

MINUTE = timedelta(minutes=1)


def version(number: int, *, account: str = "ana", **changes: object) -> SessionVersion:
    """A version that an operator uploaded."""
    plain = SessionVersion(
        account_id=account,
        version=number,
        hash=content_hash(f"{account} {number}".encode()),
        size=28_672,
        origin=SessionOrigin.UPLOAD,
        stored_at=START + number * MINUTE,
        fingerprint=bytes([number]) * 32,
        user_id=2**40,
        form="telethon-file",
        by="mika",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def of_a_node(number: int, account: str = "ana") -> SessionVersion:
    """A version that a node handed back."""
    return version(
        number,
        account=account,
        origin=SessionOrigin.SYNC,
        form=None,
        by=None,
        node_id="node-a",
        place=SyncPlace(2, 2**50, number),
        final=number % 2 == 0,
    )


async def stored(side: Side, *versions: SessionVersion) -> None:
    """Store versions, the last one current."""
    async with side.store.begin() as transaction:
        for one in versions:
            await transaction.sessions.enter(Session(one.account_id, b"a data key", START, START))
            session = await transaction.sessions.lock(one.account_id)
            assert session is not None
            await transaction.sessions.add(one, f"sealed {one.version}".encode())
            await transaction.sessions.save(chosen(session, one, 7, one.stored_at))


async def test_versions_are_found_as_they_were_stored(side: Side) -> None:
    """An operator would choose a version by what it is not."""
    ones = version(1), of_a_node(2), version(3, user_id=None, form=None, by=None)
    await stored(side, *ones)
    async with side.store.begin() as transaction:
        rows = transaction.sessions
        assert [await rows.version("ana", number) for number in (1, 2, 3, 4)] == [*ones, None]
        assert await rows.by_hash("ana", ones[1].hash) == ones[1]
        assert await rows.by_hash("bob", ones[1].hash) is None
        assert await rows.content("ana", 2) == b"sealed 2"
        assert await rows.content("bob", 2) is None
        assert await rows.versions("ana", None, 2) == [ones[2], ones[1]]
        assert await rows.versions("ana", 2, 5) == [ones[0]]


async def test_a_session_is_entered_once(side: Side) -> None:
    """A second upload would put another data key beside what the first one sealed."""
    async with side.store.begin() as transaction:
        await transaction.sessions.enter(Session("ana", b"first", START, START))
        await transaction.sessions.enter(Session("ana", b"second", START + MINUTE, START + MINUTE))
        expected = Session("ana", b"first", START, START)
        assert await transaction.sessions.lock("ana") == await transaction.sessions.one("ana") == expected
        assert await transaction.sessions.one("bob") is None


async def test_what_is_current_is_kept(side: Side) -> None:
    """A node would get another login than the operator chose."""
    await stored(side, version(1), version(2))
    async with side.store.begin() as transaction:
        session = await transaction.sessions.one("ana")
        assert session is not None
        assert (session.latest_version, session.current_version, session.chosen_at_epoch) == (2, 2, 7)
        assert (session.updated_at, session.synced_at) == (START + 2 * MINUTE, None)
        await transaction.sessions.save(synced(session, of_a_node(3), START + 3 * MINUTE, current=False))
        session = await transaction.sessions.one("ana")
        assert session is not None
        assert (session.latest_version, session.current_version) == (3, 2)
        assert session.synced_at == START + 3 * MINUTE


async def test_sessions_are_listed_by_account_with_their_current_version(side: Side) -> None:
    """A page would repeat or skip accounts, or show a version that no node gets."""
    for account in ("b", "a-1", "a", "c"):
        await stored(side, version(1, account=account), version(2, account=account))
    await held(side, Holder("a", 4, "node-a", START), Holder("a", 5, "node-b", START, held=False))
    async with side.store.begin() as transaction:
        await transaction.sessions.enter(Session("without", b"versions", START, START))
        first = list(await transaction.sessions.page(None, 3))
        rest = await transaction.sessions.page(first[-1].session.account_id, 3)
        assert [one.session.account_id for one in (*first, *rest)] == ["a", "a-1", "b", "c"]
        assert first[0].current == version(2, account="a") and first[0].versions == 2
        assert first[0].holder == Holder("a", 5, "node-b", START, held=False) and first[1].holder is None
        assert await transaction.sessions.view("a") == first[0]
        assert await transaction.sessions.view("without") is None is await transaction.sessions.view("nobody")


async def test_a_key_belongs_to_the_account_that_had_it_first(side: Side) -> None:
    """One login under two accounts would be live twice."""
    await stored(side, version(1), version(1, account="bob"))
    async with side.store.begin() as transaction:
        assert await transaction.sessions.claim(b"f" * 32, "ana") == "ana"
        assert await transaction.sessions.claim(b"f" * 32, "ana") == "ana"
        assert await transaction.sessions.claim(b"f" * 32, "bob") == "ana"
        assert await transaction.sessions.owners([b"f" * 32, b"g" * 32]) == {b"f" * 32: "ana"}
        assert await transaction.sessions.owners([]) == {}
    async with side.store.begin() as transaction:
        assert await transaction.sessions.remove("ana")
        assert await transaction.sessions.claim(b"f" * 32, "bob") == "bob"


async def test_two_accounts_that_claim_a_key_at_once_do_not_both_get_it(side: Side) -> None:
    """Two uploads at the same moment on two replicas would make one login live twice."""
    await stored(side, version(1), version(1, account="bob"))

    async def claim(account: str) -> str:
        async with side.store.begin() as transaction:
            owner = await transaction.sessions.claim(b"f" * 32, account)
            await asyncio.sleep(0.05)
            return owner

    assert len(set(await asyncio.gather(claim("ana"), claim("bob")))) == 1


async def test_removing_takes_everything_but_who_had_it(side: Side) -> None:
    """A login that nobody sees any more would stay in the database; or an old state would pass for a new login's."""
    await stored(side, version(1), version(1, account="bob"))
    await held(side, Holder("ana", 3, "node-a", START))
    async with side.store.begin() as transaction:
        assert await transaction.sessions.remove("ana")
        assert not await transaction.sessions.remove("ana")
        assert await transaction.sessions.one("ana") is None
        assert await transaction.sessions.content("ana", 1) is None
        assert await transaction.sessions.versions("ana", None, 10) == []
        assert await transaction.sessions.content("bob", 1) == b"sealed 1"
        assert await transaction.sessions.newest_holder("ana") == Holder("ana", 3, "node-a", START)


async def test_only_old_states_of_nodes_are_forgotten(side: Side) -> None:
    """What an operator uploaded, or what is current, would be gone."""
    await stored(side, version(1), of_a_node(2), of_a_node(3), of_a_node(4), version(5), of_a_node(6))
    async with side.store.begin() as transaction:
        await transaction.sessions.forget_syncs("ana", 2, but=2)
        left = [one.version for one in await transaction.sessions.versions("ana", None, 10)]
        assert left == [6, 5, 4, 2, 1]
        assert await transaction.sessions.content("ana", 3) is None
        assert await transaction.sessions.content("ana", 2) == b"sealed 2"


async def test_the_same_content_at_a_newer_place_moves(side: Side) -> None:
    """A state that came again later would lose against one before it."""
    await stored(side, of_a_node(1))
    later = replace(of_a_node(1), place=SyncPlace(3, 1, 1), node_id="node-b", final=True)
    async with side.store.begin() as transaction:
        await transaction.sessions.move(later)
        assert await transaction.sessions.version("ana", 1) == later


async def held(side: Side, *holders: Holder) -> None:
    """Note who has an account."""
    async with side.store.begin() as transaction:
        for holder in holders:
            await transaction.sessions.hold(holder)


async def test_the_registrys_later_word_on_an_epoch_counts(side: Side) -> None:
    """Events that overtake each other would take an account from the node that has it."""
    first = Holder("ana", 3, "node-a", START)
    back = replace(first, held=False, said_at=START + MINUTE)
    await held(side, first, back, first, Holder("ana", 2, "node-b", START + MINUTE))
    async with side.store.begin() as transaction:
        assert await transaction.sessions.holder("ana", 3) == back == await transaction.sessions.newest_holder("ana")
        assert await transaction.sessions.holder("ana", 2) == Holder("ana", 2, "node-b", START + MINUTE)
        assert await transaction.sessions.holder("ana", 1) is None
        await transaction.sessions.hold(Holder("ana", 60, "node-a", START))
        assert await transaction.sessions.holder("ana", 3) is None
        assert await transaction.sessions.newest_holder("bob") is None


async def test_a_state_that_is_on_its_way_is_known_until_its_epoch_is_forgotten(side: Side) -> None:
    """After a restart, or on another replica, the state that the next node waits for would not be taken."""
    on_its_way, later = content_hash(b"on its way"), timedelta(seconds=1)
    async with side.store.begin() as transaction:
        await transaction.sessions.hold(Holder("ana", 4, "node-b", START, awaits=on_its_way))
        await transaction.sessions.hold(Holder("ana", 4, "node-b", START + later))
        await transaction.sessions.hold(Holder("ana", 5, "node-c", START + later))
    async with side.store.begin() as transaction:
        known = await transaction.sessions.holder("ana", 4)
        assert known == Holder("ana", 4, "node-b", START + later, awaits=on_its_way)
        assert await transaction.sessions.is_awaited("ana", on_its_way)
        assert not await transaction.sessions.is_awaited("ana", content_hash(b"another"))
        assert not await transaction.sessions.is_awaited("bob", on_its_way)


async def test_of_each_account_the_newest_order_to_hand_back_is_kept(side: Side) -> None:
    """Somebody would be shown the answer to another question."""
    order = SyncOrder("ana", "syn_" + "1" * 32, "node-a", 2**40, START, by="mika")
    answered = replace(order, answered_at=START + MINUTE, version=3, hash=content_hash(b"x"), problem="none")
    async with side.store.begin() as transaction:
        assert await transaction.syncs.lock("ana") is None
        await transaction.syncs.put(order)
        await transaction.syncs.put(replace(order, account_id="bob"))
    async with side.store.begin() as transaction:
        assert await transaction.syncs.lock("ana") == order
        await transaction.syncs.put(answered)
    async with side.store.begin() as transaction:
        assert (await transaction.syncs.one("ana"), await transaction.syncs.one("cay")) == (answered, None)
        assert await transaction.syncs.one("bob") == replace(order, account_id="bob")


async def test_secrets_under_another_master_key_are_found_and_written(side: Side) -> None:
    """An old key would be taken away while something still needs it."""
    old, new = b"\x02" + b"o" * 8 + b"rest", b"\x02" + b"n" * 8 + b"rest"
    async with side.store.begin() as transaction:
        await transaction.sessions.enter(Session("ana", old, START, START))
        await transaction.sessions.enter(Session("bob", new, START, START))
        await transaction.servers.add(server("a"), b"\x01 sealed before the ring")
    async with side.store.begin() as transaction:
        assert await transaction.sealed.counts() == {(b"o" * 8).hex(): 1, (b"n" * 8).hex(): 1, "former": 1}
        found = list(await transaction.sealed.claim((b"n" * 8).hex(), 10))
        assert [(row.shelf, row.row_id) for row in found] == [
            (Shelf.SESSION_KEYS, "ana"),
            (Shelf.SERVER_LOGINS, "a"),
        ]
        assert len(await transaction.sealed.claim((b"n" * 8).hex(), 1)) == 1
        await transaction.sealed.put([SealedRow(row.shelf, row.row_id, new) for row in found])
    async with side.store.begin() as transaction:
        assert await transaction.sealed.counts() == {(b"n" * 8).hex(): 3}
        assert list(await transaction.sealed.claim((b"n" * 8).hex(), 10)) == []
        session = await transaction.sessions.one("ana")
        assert session is not None and session.data_key == new
        assert await transaction.servers.sealed("a") == new


async def test_sign_ins_are_kept_for_a_day(side: Side) -> None:
    """An operator could not see why a sign-in failed; or the table would grow for ever."""
    one = SignIn("lgn_" + "1" * 32, "ana", "node-a", LoginKind.PHONE, START, START, START + 10 * MINUTE, "mika")
    after = replace(
        one,
        state=LoginState.SIGNED_IN,
        number=3,
        reason="why",
        hint="app",
        user_id=2**40,
        version=2,
        updated_at=START + MINUTE,
    )
    async with side.store.begin() as transaction:
        await transaction.sign_ins.add(one)
        assert await transaction.sign_ins.one(one.login_id) == one
        await transaction.sign_ins.save(after)
    async with side.store.begin() as transaction:
        assert await transaction.sign_ins.lock(one.login_id) == after
        late = START + timedelta(days=2)
        await transaction.sign_ins.add(
            replace(one, login_id="lgn_" + "2" * 32, created_at=late, updated_at=late, expires_at=late + MINUTE)
        )
        assert await transaction.sign_ins.one(one.login_id) is None
