"""Logins that come from the vault, in the whole agent: asked for, taken into memory, or refused."""

import zlib
from itertools import pairwise

import pytest

from services.node_agent.domain.ports import DownloadFailed
from services.node_agent.domain.telegram import UnusableSession
from services.node_agent.telegram.in_memory import InMemoryConnection, login_of
from shared.contracts.deliveries import DeliveryOutcome
from shared.contracts.identifiers import content_hash
from shared.sealing import new_sealing_key
from tests.component.node_agent.virtual_agent import BEGINNING, GUEST, with_vault
from tests.support.agent.orders import NODE, script
from tests.support.agent.trusting import SIGNER


async def test_a_login_of_the_vault_is_asked_for_taken_into_memory_and_started() -> None:
    """Without this no account can be moved to a node."""
    world, vault = with_vault("anna")
    async with world.online():
        report = world.registry.accounts["anna"]
        assert (report.status.value, report.epoch, report.session_version) == ("online", 1, 1)
        assert (report.session_file, report.session_hash) == ("vault:1", content_hash(login_of("anna")))
        assert world.registry.beats[-1].assignments == vault.named
        assert world.registry.beats[-1].wanting == [] and len(vault.delivered) == 1
        assert len(world.logins) == 1 and world.sessions.files == {}


async def test_the_ledger_has_no_readable_login() -> None:
    """A disk that is stolen or copied would be the account."""
    world, _ = with_vault("anna")
    secret = b"anna a-planted-key-that-nobody-else-has"
    world.registry.vault.versions["anna"] = [secret]  # type: ignore[union-attr]
    async with world.playing(script("hi")):
        world.say("/hello")
        await world.clock.run_for(120)
        world.registry.vault.assign("anna", 1, release=True)  # type: ignore[union-attr]
        await world.clock.run_for(30)
    tables = await world.ledger.execute("select name from sqlite_master where type = 'table'")
    rows = [row for (table,) in tables for row in await world.ledger.execute(f"select * from {table}")]
    told = b"".join(repr(value).encode() if not isinstance(value, bytes) else value for row in rows for value in row)
    assert rows and secret not in told and zlib.compress(secret) not in told and b"planted" not in told


async def test_another_epoch_is_another_login() -> None:
    """A version that an operator has chosen would not be the one that runs."""
    world, vault = with_vault("anna")
    async with world.online():
        vault.put("anna", login_of("anna", 0) + b"")
        vault.assign("anna", 2)
        await world.clock.run_for(15)
        report = world.registry.accounts["anna"]
        assert (report.epoch, report.session_version, report.status.value) == (2, 2, "online")
        assert world.telegram.connects["anna"] == 2


async def test_a_login_that_comes_again_changes_nothing() -> None:
    """A replayed order would set the account back to an older state, or interrupt it."""
    world, vault = with_vault("anna")
    async with world.online():
        await world.bus.publish(vault.delivered[0])
        await world.clock.run_for(15)
        assert world.telegram.connects == {"anna": 1}


async def test_logins_for_other_keys_accounts_and_epochs_are_not_taken() -> None:
    """Whoever can put an order into a node's queue could choose what its accounts sign in as."""
    world, vault = with_vault("anna", "bert")
    vault.sending = False
    good = vault.delivery(NODE, "anna", 1)
    wrong = [
        vault.delivery(NODE, "anna", 1, key=new_sealing_key()),
        good.model_copy(update={"hash": content_hash(b"another")}),
        good.model_copy(update={"size": good.size + 1}),
        good.model_copy(update={"epoch": 2}),
        vault.delivery(NODE, "bert", 1).model_copy(update={"account_id": "anna"}),
        vault.delivery(NODE, "bert", 4),
        good.model_copy(update={"sealed": "bm90aGluZw=="}),
        good.model_copy(update={"sealed": None, "url": "http://vault/nothing"}),
        good.model_copy(update={"sealed": None}),
    ]
    async with world.running():
        await world.clock.run_for(BEGINNING)
        for order in wrong:
            await world.bus.publish(SIGNER.sign(order))
        await world.clock.run_for(15)
        assert len(world.logins) == 0 and world.telegram.connects == {}
        assert vault.wanted == ["anna", "bert"]
        assert "could not be taken" in world.reason_of("anna") and "is on its way" in world.reason_of("bert")
        await world.bus.publish(good)
        await world.clock.run_for(15)
        assert world.status_of("anna") == "online"


async def test_a_login_is_asked_for_once_in_a_beats_time() -> None:
    """Accounts that come online make the node beat each second, and every beat would ask for all the others again."""
    world, vault = with_vault("anna", "bert")
    del vault.versions["bert"]
    async with world.running():
        for _ in range(10):
            await world.clock.run_for(6)
            world.telegram.drop("anna")
        asked = [beat.sent_at for beat in world.registry.beats if "bert" in beat.wanting]
        assert len(world.registry.beats) > 15
        assert all((later - sooner).total_seconds() >= 8 for sooner, later in pairwise(asked))
        assert 4 <= len(asked) <= 8


async def test_a_large_login_is_fetched() -> None:
    """An account that knows many people has a login that no message holds."""
    world, vault = with_vault("anna")
    noise = b"".join(content_hash(str(number).encode()).encode() for number in range(3000))
    vault.versions["anna"] = [login_of("anna") + b"\x00" + noise]
    async with world.online():
        assert vault.delivered[0].url is not None
        assert world.status_of("anna") == "online"


async def test_a_login_that_is_of_no_use_is_an_error_and_not_asked_for_again() -> None:
    """It would be sent and tried for ever."""
    world, vault = with_vault("anna")
    world.telegram.connect_troubles["anna"].append(UnusableSession("the session file holds no login"))
    async with world.online():
        await world.clock.run_for(60)
        assert world.status_of("anna") == "error" and world.telegram.connects["anna"] == 1
        assert len(vault.delivered) == 1
        vault.put("anna")
        vault.assign("anna", 2)
        await world.clock.run_for(15)
        assert world.status_of("anna") == "error"
        vault.put("anna", login_of("anna", 0).replace(b" ", b"  "))
        vault.assign("anna", 3)
        await world.clock.run_for(15)
        assert world.status_of("anna") == "online"


async def test_the_state_of_an_earlier_epoch_is_handed_back_before_another_login_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The login that an operator has chosen would come while the one before it still runs, and push its newest state
    out of the memory: the vault would never see it."""
    world, vault = with_vault("anna")

    async def slow(connection: InMemoryConnection) -> None:
        connection._world.disconnected("anna", connection)
        await world.clock.sleep(2)

    monkeypatch.setattr(InMemoryConnection, "disconnect", slow)
    async with world.online():
        world.telegram.write(GUEST, "anna", "hello")
        await world.clock.run_for(3)
        assert vault.synced == []
        vault.put("anna", login_of("anna", 0))
        vault.assign("anna", 2)
        await world.bus.publish(vault.order(NODE))
        await world.clock.run_for(15)
        [state] = vault.synced
        assert (state.epoch, state.final, state.hash) == (1, True, content_hash(login_of("anna", 1)))
        assert (world.status_of("anna"), world.registry.accounts["anna"].epoch) == ("online", 2)
        [reason] = [each for each in world.registry.reasons("anna", "stopped") if "assigned" in each]
        assert "assigned to this node anew" in reason
        monkeypatch.undo()  # the clock stands still when the agent ends


async def test_logins_that_take_long_to_fetch_hold_up_no_lease() -> None:
    """A vault behind a slow line would cost the accounts that run their lease: each fetch takes one of the places in
    which orders are handled."""
    many = [f"actor-{number}" for number in range(30)]
    world, vault = with_vault("anna", *many)
    noise = b"".join(content_hash(str(number).encode()).encode() for number in range(3000))
    for account_id in many:
        vault.versions[account_id] = [login_of(account_id) + b"\x00" + noise]

    async def fetch(url: str, most: int) -> bytes:
        await world.clock.sleep(30)
        raise DownloadFailed("the vault does not answer")

    world.downloads.fetch = fetch  # type: ignore[method-assign]
    async with world.online():
        await world.clock.run_for(180)
        assert world.telegram.connects == {"anna": 1} and world.telegram.connected("anna")
        assert "the vault does not answer" in world.reason_of(many[0])


async def test_a_script_for_an_account_that_is_about_to_come_is_taken() -> None:
    """A new node would refuse for good what was ordered for its accounts before it has been told of them."""
    world, vault = with_vault("anna")
    await world.deliver(script("hi"), bind=["anna"])
    async with world.online():
        assert world.registry.reports[-1].outcome is DeliveryOutcome.APPLIED
        world.say("/hello")
        await world.clock.run_for(1)
        assert world.replies() == ["hi"]
        vault.put("bert")
        vault.assign("bert", 1)
        await world.bus.publish(vault.order(NODE))
        await world.deliver(script("ho"), 2, bind=["anna", "bert"])
        await world.deliver(script("ha"), 3, bind=["anna", "nobody"])
        await world.clock.run_for(5)
        told = {report.delivery_id[-1]: report.outcome.value for report in world.registry.reports}
        assert told == {"1": "applied", "2": "applied", "3": "failed"}
