"""The vault: versions, which is current, who is sent what, and what nodes hand back."""

import base64
import sqlite3

import pytest

from services.deployer.domain.sessions import MOST_SYNCS, SessionVersion
from services.deployer.domain.telegram_logins import RefusedSession
from services.deployer.key_ring import KeyRing
from services.deployer.use_cases.announce_sessions import AnnounceSessions
from services.deployer.use_cases.keep_version import Kept, KeyTaken
from services.deployer.use_cases.store_sessions import NoSuchSession, NoSuchVersion, StillHeld, Upload
from shared.contracts.assignments import AssignmentChanged, AssignmentState
from shared.contracts.identifiers import content_hash
from shared.contracts.sessions import SEALED_INLINE_LIMIT, SessionOrigin, SessionRefused, SessionStored
from shared.messaging import Rejected, Unavailable
from shared.sealing import NotSealedForUs, new_sealing_key
from tests.unit.deployer.session_making import key_of, pyrogram_string, telethon_file, telethon_string, zipped
from tests.unit.deployer.vault_stand import Vault


@pytest.fixture
def vault() -> Vault:
    """An empty vault."""
    return Vault()


def state(number: int, key: bytes | None = None) -> bytes:
    """A login as a node hands it back: it knows more with every state."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(telethon_file(key_of() if key is None else key))
    connection.execute("update update_state set pts = ?", (1000 + number,))
    connection.commit()
    content = bytes(connection.serialize())
    connection.close()
    return content


async def test_every_upload_is_a_version_and_the_same_content_is_one(vault: Vault) -> None:
    """An operator could not go back to a login that worked; or would see a version for every click."""
    first = await vault.upload()
    second = await vault.upload(content=telethon_string(key_of(1)))
    again = await vault.upload(content=telethon_string(key_of(1)))
    assert (first.version.version, second.version.version, again.version.version) == (1, 2, 2)
    assert (first.added, second.added, again.added) == (True, True, False)
    assert [one.form for one in await vault.versions()] == ["telethon-file", "telethon-string"]
    assert all(one.by == "mika" and one.origin is SessionOrigin.UPLOAD for one in await vault.versions())
    assert await vault.current() == 2
    assert vault.changes == ["ana stored 1", "ana chosen 2"]
    assert content_hash(await vault.content()) == second.version.hash


async def test_any_version_can_be_made_current(vault: Vault) -> None:
    """A mistake could not be undone."""
    await vault.upload()
    await vault.upload(content=telethon_string(key_of(1)))
    chosen = await vault.sessions.choose("ana", 1)
    assert isinstance(chosen, SessionVersion) and chosen.version == 1
    assert await vault.current() == 1
    assert await vault.sessions.choose("ana", 1) == chosen
    assert vault.changes[2:] == ["ana chosen 1"]
    assert isinstance(await vault.sessions.choose("ana", 3), NoSuchVersion)
    assert isinstance(await vault.sessions.choose("bob", 1), NoSuchSession)
    assert (await vault.upload(content=telethon_string(key_of(1)))).added is False
    assert await vault.current() == 2


async def test_one_login_under_two_accounts_is_refused(vault: Vault) -> None:
    """Assigned to two nodes under two names it would be live twice, and Telegram would destroy it."""
    await vault.upload("ana")
    for form in (telethon_file(), telethon_string(), pyrogram_string()):
        assert await vault.offer("bob", form) == KeyTaken("ana")
    assert await vault.browse.one("bob") is None
    assert await vault.browse.page(None, 10) == [await vault.browse.one("ana")]
    await vault.upload("bob", telethon_string(key_of(1)))
    assert await vault.offer("bob", telethon_file()) == KeyTaken("ana")
    assert await vault.current("bob") == 1


async def test_an_archive_names_each_account_by_its_file(vault: Vault) -> None:
    """Fifty logins would all be stored as one account's."""
    content = zipped({"a/ana.session": telethon_file(), "bob.txt": telethon_string(key_of(1)), "not an id!": b"?"})
    taken = await vault.sessions.upload(Upload("all.zip", content, "ignored"))
    assert [(one.account_id, type(one.outcome)) for one in taken] == [
        ("ana", Kept),
        ("bob", Kept),
        (None, RefusedSession),
    ]
    named = zipped({"not an id!": telethon_file(key_of(2)), "ok.session": b""})
    first, _ = await vault.sessions.upload(Upload("all.zip", named))
    assert isinstance(first.outcome, RefusedSession) and "account id" in first.outcome.reason


async def test_a_login_goes_to_the_node_that_has_the_account_and_opens_there_alone(vault: Vault) -> None:
    """Another node, or whoever reads the broker, would be signed in as the account."""
    kept = await vault.upload()
    order = await vault.want("ana", "tokyo", 1)
    assert order is not None
    assert (order.version, order.hash, order.size, order.epoch) == (1, kept.version.hash, kept.version.size, 1)
    assert vault.opened(order) == await vault.content()
    assert key_of() not in base64.b64decode(order.sealed or "")
    for change in ({"node_id": "osaka"}, {"account_id": "bob"}, {"epoch": 2}, {"hash": content_hash(b"")}):
        with pytest.raises(NotSealedForUs):
            vault.opened(order.model_copy(update=change))
    assert vault.store.announced[-1] == order


async def test_nothing_is_sent_to_a_node_that_had_the_account_before(vault: Vault) -> None:
    """A question that was late would bring the login to two nodes."""
    await vault.upload()
    await vault.assign("ana", "osaka", 2)
    assert await vault.want("ana", "tokyo", 1) is None
    await vault.clock.run_for(1)
    await vault.assign("ana", "osaka", 3)
    assert await vault.want("ana", "osaka", 3) is not None
    assert await vault.want("bob", "osaka", 1) is None


async def test_a_login_waits_for_the_state_that_the_last_node_handed_back(vault: Vault) -> None:
    """The next node would start with an old state: it would answer what was answered already."""
    await vault.upload()
    await vault.want("ana", "tokyo", 1)
    newest = state(1)
    assert await vault.want("ana", "osaka", 2, at_least=content_hash(newest)) is None
    await vault.record(vault.state("ana", "tokyo", newest, (1, 5, 1), final=True))
    order = await vault.want("ana", "osaka", 2, at_least=content_hash(newest))
    assert order is not None and vault.opened(order) == newest


async def test_a_state_that_the_registry_waits_for_is_taken_whoever_was_told(vault: Vault) -> None:
    """Word of who had the account may be lost with the broker: the login would never come in, and start nowhere."""
    newest = state(1)
    handed_back = vault.state("ana", "tokyo", newest, (0, 5, 1), final=True)
    assert await vault.record(handed_back) is None
    assert await vault.want("ana", "osaka", 1, at_least=content_hash(newest)) is None
    assert await vault.record(vault.state("ana", "tokyo", state(2), (0, 5, 2))) is None, "just the one it waits for"
    assert await vault.record(handed_back) is not None
    order = await vault.want("ana", "osaka", 1, at_least=content_hash(newest))
    assert order is not None and vault.opened(order) == newest


async def test_a_restarted_vault_and_another_replica_know_what_is_waited_for(vault: Vault) -> None:
    """The state would come too early for ever: said again every ten minutes, and never in the vault."""
    newest = state(1)
    await vault.upload()
    await vault.want("ana", "osaka", 1, at_least=content_hash(newest))
    restarted = Vault(store=vault.store, pair=vault.pair)
    await restarted.want("ana", "osaka", 1)  # the registry waits no more: the node has started with what there was
    kept = await restarted.record(vault.state("ana", "tokyo", newest, (0, 5, 1), final=True))
    assert kept is not None and kept.added


async def test_a_large_login_goes_by_a_link_whose_bytes_are_sealed_too(vault: Vault) -> None:
    """A login that no message holds could not be moved; or its link would give it away."""
    many = sqlite3.connect(":memory:")
    many.deserialize(telethon_file())
    names = {each: key_of(each)[:12].hex() for each in range(99, 4999)}
    rows = [(each, each * 7919**3, f"user{name}", None, f"name {name}", each) for each, name in names.items()]
    many.executemany("insert into entities values (?, ?, ?, ?, ?, ?)", rows)
    many.commit()
    await vault.upload(content=bytes(many.serialize()))
    many.close()
    order = await vault.want("ana", "tokyo", 1)
    assert order is not None and order.sealed is None and order.url == "https://office/fetch"
    sealed = await vault.deliver.sealed(vault.destinations[-1])
    assert sealed is not None and len(sealed) > SEALED_INLINE_LIMIT
    assert vault.opened(order, sealed) == await vault.content()
    assert await vault.sessions.remove("ana") == StillHeld("tokyo")


async def test_a_state_is_a_version_and_the_node_is_told(vault: Vault) -> None:
    """The node would send it for ever, or forget it too early."""
    await vault.upload()
    await vault.assign("ana", "tokyo", 1)
    newest = state(1)
    kept = await vault.record(vault.state("ana", "tokyo", newest, (1, 5, 1)))
    assert kept is not None and kept.added and kept.current
    again = await vault.record(vault.state("ana", "tokyo", newest, (1, 5, 1)))
    assert again is not None and not again.added
    assert await vault.content() == newest
    [told, repeated] = vault.told(SessionStored)
    assert (told.node_id, told.account_id, told.epoch, told.hash) == ("tokyo", "ana", 1, content_hash(newest))
    assert repeated.hash == told.hash
    version = (await vault.versions())[-1]
    assert (version.origin, version.node_id, version.by) == (SessionOrigin.SYNC, "tokyo", None)
    view = await vault.browse.one("ana")
    assert view is not None and view.session.synced_at == vault.clock.now()
    assert vault.changes == ["ana stored 1", "ana stored 2"]


async def test_only_a_newer_state_becomes_current(vault: Vault) -> None:
    """States that overtake each other on the way would bring an old one to the next node."""
    await vault.upload()
    for epoch, node in ((1, "tokyo"), (2, "osaka")):
        await vault.assign("ana", node, epoch)
    places = [
        ("tokyo", (1, 5, 2)),
        ("tokyo", (1, 5, 1)),
        ("tokyo", (1, 6, 1)),
        ("osaka", (2, 1, 1)),
        ("tokyo", (1, 9, 9)),
    ]
    currents = []
    for number, (node, place) in enumerate(places):
        await vault.record(vault.state("ana", node, state(number), place))
        currents.append(await vault.current())
    assert currents == [2, 2, 4, 5, 5]
    assert len(await vault.versions()) == 6


async def test_a_state_of_before_does_not_undo_an_operators_choice(vault: Vault) -> None:
    """A node that gives the account back would bring the login back that was replaced."""
    await vault.upload()
    await vault.want("ana", "tokyo", 3)
    await vault.record(vault.state("ana", "tokyo", state(1), (3, 5, 1)))
    await vault.upload(content=telethon_string(key_of(1)))
    await vault.record(vault.state("ana", "tokyo", state(2), (3, 5, 2), final=True))
    assert await vault.current() == 3
    await vault.clock.run_for(1)
    await vault.want("ana", "tokyo", 4)
    await vault.record(vault.state("ana", "tokyo", state(3, key_of(1)), (4, 6, 1)))
    assert await vault.current() == 5
    await vault.sessions.choose("ana", 1)
    await vault.record(vault.state("ana", "tokyo", state(4, key_of(1)), (4, 6, 2)))
    assert await vault.current() == 1


async def test_a_copy_of_what_a_node_runs_from_its_folder_does_not_hold_up_its_newer_states(vault: Vault) -> None:
    """The account would move with the copy, and answer again what it has answered since that was made."""
    await vault.assign("ana", "tokyo", 0)
    await vault.upload()
    await vault.record(vault.state("ana", "tokyo", state(1), (0, 5, 1), final=True))
    assert await vault.current() == 2


async def test_a_first_login_with_another_key_is_not_replaced_by_the_folders(vault: Vault) -> None:
    """Who brings a fresh login for an account would find the old one running."""
    await vault.assign("ana", "tokyo", 0)
    await vault.upload(content=telethon_string(key_of(1)))
    await vault.record(vault.state("ana", "tokyo", state(1), (0, 5, 1), final=True))
    assert await vault.current() == 1


async def test_a_node_hands_back_only_what_it_has(vault: Vault) -> None:
    """A stolen node could plant a login of its own for every account."""
    await vault.upload()
    await vault.assign("ana", "tokyo", 1)
    with pytest.raises(Rejected, match="'osaka' does not have account 'ana'"):
        await vault.record(vault.state("ana", "osaka", state(1), (1, 5, 1)))
    assert await vault.record(vault.state("ana", "osaka", state(1), (9, 5, 1))) is None
    assert await vault.record(vault.state("new", "osaka", state(1), (0, 5, 1))) is None
    assert await vault.record(vault.state("ana", "tokyo", state(1), (1, 5, 1))) is not None
    [refused] = vault.told(SessionRefused)
    assert (refused.node_id, refused.account_id, refused.epoch) == ("osaka", "ana", 1)
    assert (refused.hash, "does not have account" in refused.reason) == (content_hash(state(1)), True)
    await vault.clock.run_for(1)
    await vault.assign("ana", "osaka", 1)
    with pytest.raises(Rejected):
        await vault.record(vault.state("ana", "tokyo", state(2), (1, 5, 2)))


@pytest.mark.parametrize(
    ("told", "spoil"),
    [
        ("altered", {"epoch": 2}),
        ("altered", {"node_id": "osaka"}),
        ("altered", {"hash": content_hash(b"another")}),
        ("size or hash", {"size": 3}),
        ("altered", {"sealed": base64.b64encode(b"x" * 80).decode()}),
    ],
)
async def test_a_state_that_is_not_what_it_says_is_rejected(told: str, spoil: dict[str, object], vault: Vault) -> None:
    """What somebody has altered on the way would be the login that the next node gets."""
    await vault.upload()
    await vault.assign("ana", "tokyo", 1)
    await vault.assign("ana", "tokyo", 2)
    if "node_id" in spoil:
        await vault.clock.run_for(1)
        await vault.assign("ana", "osaka", 1)
    message = vault.state("ana", "tokyo", state(1), (1, 5, 1)).model_copy(update=spoil)
    with pytest.raises(Rejected, match=told):
        await vault.record(message)
    assert len(await vault.versions()) == 1
    [refused] = vault.told(SessionRefused)
    assert (refused.hash, told in refused.reason) == (message.hash, True), "the node would say it for ever"


async def test_a_state_that_is_no_login_or_of_another_account_is_rejected(vault: Vault) -> None:
    """A node could plant a file that points at another server, or bring one login to two accounts."""
    await vault.upload()
    await vault.upload("bob", telethon_string(key_of(1)))
    await vault.assign("ana", "tokyo", 1)
    for hostile in (telethon_file(address="203.0.113.9"), telethon_string(), b"?"):
        with pytest.raises(Rejected, match="no login"):
            await vault.record(vault.state("ana", "tokyo", hostile, (1, 5, 1)))
    with pytest.raises(Rejected, match="account 'bob'"):
        await vault.record(vault.state("ana", "tokyo", state(1, key_of(1)), (1, 5, 1)))
    assert len(await vault.versions()) == 1


async def test_states_are_opened_with_the_keys_of_before(vault: Vault) -> None:
    """A node that has not heard of the new key yet could hand nothing back."""
    await vault.upload()
    await vault.assign("ana", "tokyo", 1)
    early = vault.state("ana", "tokyo", state(1), (1, 5, 1))
    vault.pair.private.insert(0, new_sealing_key())
    assert await vault.record(early) is not None
    vault.pair.private.pop()
    with pytest.raises(Rejected):
        await vault.record(early)


async def test_of_nodes_states_the_newest_are_kept_and_all_that_operators_brought(vault: Vault) -> None:
    """A busy account would fill the database; or its uploads would be gone after a day."""
    await vault.upload()
    await vault.assign("ana", "tokyo", 1)
    for number in range(1, MOST_SYNCS + 5):
        await vault.record(vault.state("ana", "tokyo", state(number), (1, 5, number)))
    numbers = [one.version for one in await vault.versions()]
    assert numbers == [1, *range(6, MOST_SYNCS + 6)]
    await vault.sessions.choose("ana", 6)
    for number in range(100, 103):
        await vault.record(vault.state("ana", "tokyo", state(number), (1, 5, number)))
    assert await vault.current() == 6
    assert 6 in [one.version for one in await vault.versions()]


async def test_a_login_is_not_removed_under_a_node_that_runs_it(vault: Vault) -> None:
    """The account would go on somewhere, with a login that nobody here has."""
    await vault.upload()
    await vault.assign("ana", "tokyo", 1)
    assert await vault.sessions.remove("ana") == StillHeld("tokyo")
    await vault.clock.run_for(1)
    given_back = {"change": "released", "state": AssignmentState.UNASSIGNED, "node_id": None}
    fields = {"account_id": "ana", "epoch": 1, "at": vault.clock.now()}
    await vault.deliver.note(AssignmentChanged(**(fields | given_back)))
    assert isinstance(await vault.sessions.remove("ana"), SessionVersion)
    assert vault.changes[-1] == "ana removed 1"
    assert isinstance(await vault.sessions.remove("ana"), NoSuchSession)
    await vault.upload("bob", telethon_file())


async def test_every_current_login_is_announced_now_and_then(vault: Vault) -> None:
    """A registry that missed a message would never offer an account that the vault has."""
    await vault.upload("ana")
    await vault.upload("bob", telethon_string(key_of(1)))
    before = len(vault.changes)
    await AnnounceSessions(vault.store, vault.clock).step()
    assert vault.changes[before:] == ["ana announced 1", "bob announced 1"]


async def test_without_its_master_key_nothing_is_lost(vault: Vault) -> None:
    """A deployer that was started with a wrong key would reject what nodes hand back, and they would forget it."""
    await vault.upload()
    await vault.assign("ana", "tokyo", 1)
    message = vault.state("ana", "tokyo", state(1), (1, 5, 1))
    stranger = Vault(store=vault.store, keys=KeyRing(b"another secret of the tests"))
    stranger.pair.private = vault.pair.private
    with pytest.raises(Unavailable, match="master key"):
        await stranger.record(message)
    assert await stranger.want("ana", "tokyo", 1) is None
    refused = await stranger.offer("ana", telethon_string(key_of(1)))
    assert isinstance(refused, RefusedSession) and "master key" in refused.reason
    assert await vault.record(message) is not None
