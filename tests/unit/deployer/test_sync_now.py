"""A login's present state, asked for now: who is asked, and what counts as the answer."""

import pytest

from services.deployer.domain.syncs import LASTS, SyncOrder
from services.deployer.use_cases.sign_in import NodeAway, NodeHasNoKey
from services.deployer.use_cases.store_sessions import NoSuchSession
from services.deployer.use_cases.sync_now import NotAsked, OnNoNode
from shared.contracts.assignments import AssignmentChanged, AssignmentState
from shared.contracts.fleet import NodeStatus
from shared.contracts.identifiers import content_hash
from shared.contracts.sessions import SyncSession
from shared.messaging import Rejected
from tests.unit.deployer.session_making import telethon_string
from tests.unit.deployer.test_vault import state
from tests.unit.deployer.vault_stand import Vault


@pytest.fixture
async def vault() -> Vault:
    """A vault with a login that tokyo runs in epoch 3."""
    made = Vault()
    await made.upload()
    await made.node("tokyo")
    await made.assign("ana", "tokyo", 3)
    return made


async def asked(vault: Vault) -> SyncOrder:
    """Ask; the order."""
    outcome = await vault.sync_now.ask("ana", "mika")
    assert isinstance(outcome, SyncOrder)
    return outcome


async def come(vault: Vault) -> tuple[int | None, str | None, str | None]:
    """What came of it: version, hash, problem."""
    order = await vault.sync_now.one("ana")
    assert order is not None
    return order.version, order.hash, order.problem


async def test_the_node_is_asked_and_the_state_that_names_the_order_answers_it(vault: Vault) -> None:
    """Whoever waits would be told of a state that was on its way before."""
    assert await vault.sync_now.one("ana") is None
    order = await asked(vault)
    [told] = vault.told(SyncSession)
    assert (told.node_id, told.account_id, told.epoch, told.sync_id) == ("tokyo", "ana", 3, order.sync_id)
    await vault.record(vault.state("ana", "tokyo", state(1), (3, 5, 1)))
    assert await come(vault) == (None, None, None)
    await vault.record(vault.state("ana", "tokyo", state(2), (3, 5, 2), answers=order.sync_id))
    assert await come(vault) == (3, content_hash(state(2)), None)
    await vault.record(vault.state("ana", "tokyo", state(3), (3, 5, 3), answers=order.sync_id))
    assert await come(vault) == (3, content_hash(state(2)), None), "it was answered"


async def test_a_state_that_has_not_changed_answers_with_the_version_that_is_there(vault: Vault) -> None:
    """A quiet account would look like a node that does not answer."""
    order = await asked(vault)
    await vault.record(vault.state("ana", "tokyo", await vault.content(), (3, 5, 1), answers=order.sync_id))
    assert (await come(vault))[0] == 1


async def test_the_last_state_of_the_assignment_answers_too(vault: Vault) -> None:
    """A node that was giving the account back has nothing newer to say."""
    await asked(vault)
    await vault.record(vault.state("ana", "tokyo", state(1), (3, 5, 1), final=True))
    assert (await come(vault))[0] == 2


async def test_who_asks_again_says_the_same_order_again_until_it_is_over(vault: Vault) -> None:
    """Whoever asked first would wait for an order that nobody knows any more."""
    first = await asked(vault)
    assert await asked(vault) == first
    assert [one.sync_id for one in vault.told(SyncSession)] == [first.sync_id] * 2
    await vault.clock.run_for(LASTS.total_seconds())
    assert "has not answered" in str((await come(vault))[2])
    second = await asked(vault)
    assert second.sync_id != first.sync_id and await come(vault) == (None, None, None)
    await vault.record(vault.state("ana", "tokyo", state(1), (3, 5, 1), answers=second.sync_id))
    assert (await asked(vault)).sync_id not in (first.sync_id, second.sync_id)


async def test_a_late_answer_counts(vault: Vault) -> None:
    """The operator would be told that there is none, of a version that is there."""
    order = await asked(vault)
    await vault.clock.run_for(LASTS.total_seconds() + 60)
    await vault.record(vault.state("ana", "tokyo", state(1), (3, 5, 1), answers=order.sync_id))
    assert await come(vault) == (2, content_hash(state(1)), None)


async def test_an_answer_that_the_vault_does_not_take_says_why(vault: Vault) -> None:
    """Whoever waits would wait to the end and learn nothing."""
    order = await asked(vault)
    with pytest.raises(Rejected):
        await vault.record(vault.state("ana", "tokyo", telethon_string(), (3, 5, 1), answers=order.sync_id))
    version, _, problem = await come(vault)
    assert version is None and "the vault did not take it" in str(problem) and "no login" in str(problem)


async def test_a_login_that_only_the_node_has_is_asked_for_too(vault: Vault) -> None:
    """Logins of a node's folder could not be brought into the vault without moving the account."""
    await vault.assign("bob", "tokyo", 0)
    outcome = await vault.sync_now.ask("bob", "mika")
    assert isinstance(outcome, SyncOrder) and outcome.epoch == 0


async def test_who_cannot_be_asked_is_told_at_once(vault: Vault) -> None:
    """The order would be nobody's, and the operator would wait."""
    assert await vault.sync_now.ask("nobody", None) == NoSuchSession()
    await vault.upload("bob", b"1" + telethon_string(bytes(range(256)))[1:])
    assert await vault.sync_now.ask("bob", None) == OnNoNode()
    await vault.node("tokyo", status=NodeStatus.OFFLINE)
    assert await vault.sync_now.ask("ana", None) == NotAsked("tokyo", NodeAway())
    await vault.node("tokyo", joined=False)
    assert await vault.sync_now.ask("ana", None) == NotAsked("tokyo", NodeHasNoKey())
    await vault.clock.run_for(1)
    given_back = {"change": "released", "state": AssignmentState.UNASSIGNED, "node_id": None}
    fields = {"account_id": "ana", "epoch": 3, "at": vault.clock.now()}
    await vault.deliver.note(AssignmentChanged(**(fields | given_back)))
    assert await vault.sync_now.ask("ana", None) == OnNoNode()
    assert vault.told(SyncSession) == []
