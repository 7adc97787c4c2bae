"""Who may join, who is cut off, and what the broker's logins are kept to."""

import base64
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from services.registry.broker.in_memory import InMemoryAccess
from services.registry.domain.enrolments import KeyPair, NotAdmitted
from services.registry.store.in_memory_access import InMemoryAccessStore
from services.registry.use_cases.cut_off import CutOff
from services.registry.use_cases.enrol_nodes import EnrolNodes, Joining, Offer
from services.registry.use_cases.keep_access import LOOK_SECONDS, KeepAccess
from services.registry.use_cases.revoke_node import RevokeNode
from shared.clock import VirtualClock
from shared.contracts.enrolments import Enrolled, proof_of
from shared.messaging import Unavailable
from shared.randomness import SeededRandomness
from shared.signing import signature_of, verifying_key_of
from tests.support.agent.trusting import trusted

OFFER = Offer("amqps://broker/", "https://origin", None, 10.0)
HOUR = timedelta(hours=1)


@dataclass
class Office:
    """The use cases on in-memory ports."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    store: InMemoryAccessStore = field(default_factory=InMemoryAccessStore)
    broker: InMemoryAccess = field(default_factory=InMemoryAccess)

    def __post_init__(self) -> None:
        dice = SeededRandomness(1)
        self.enrol = EnrolNodes(self.store, self.broker, OFFER, self.clock, dice)
        self.cut_off = CutOff(self.store)
        self.revoke = RevokeNode(self.store, self.broker, self.cut_off, self.clock)
        self.keep = KeepAccess(self.store, self.broker, self.clock, dice)

    async def token(self, node_id: str | None = None) -> str:
        """A token for an hour."""
        return (await self.enrol.invite(node_id, {}, HOUR, "root")).token

    async def joined(self, node_id: str, key: bytes = b"k" * 32) -> Enrolled:
        """A machine that was let in."""
        outcome = await self.enrol(machine(await self.token(node_id), key))
        assert isinstance(outcome, Enrolled), outcome
        return outcome


@pytest.fixture
async def office() -> Office:
    """An office that knows the deployer's keys."""
    office = Office()
    async with office.store.begin() as transaction:
        await transaction.keep_keys(trusted(3))
    return office


def machine(
    token: str, key: bytes = b"k" * 32, *, host: str = "Tokyo-1.example", node_id: str | None = None
) -> Joining:
    """A machine that asks, with this private key."""
    sealing, signing = "A" * 43 + "=", base64.b64encode(verifying_key_of(key)).decode()
    proof = signature_of(key, proof_of(token, sealing, signing))
    return Joining(token, KeyPair(sealing, signing), proof, host, "0.1", node_id)


async def refused(office: Office, asking: Joining) -> str:
    """The kind of refusal."""
    outcome = await office.enrol(asking)
    assert isinstance(outcome, NotAdmitted), outcome
    return outcome.slug


async def test_a_machine_gets_everything_that_is_its_own(office: Office) -> None:
    """A node that lacks one of these can do nothing, and nobody can tell why."""
    given = await office.enrol(machine(await office.token()))
    assert isinstance(given, Enrolled)
    assert given.node_id == "tokyo-1" and given.keys.serial == 3 and given.url == "https://origin"
    assert given.broker is not None and given.broker.username == "node.tokyo-1"
    assert set(office.broker.logins) == {"tokyo-1"}
    kept = await office.store.node("tokyo-1")
    assert kept is not None
    assert given.token not in repr(kept) and given.broker.password not in repr(kept)


async def test_a_token_ends_and_is_good_once(office: Office) -> None:
    """A token in an old chat would let anybody in."""
    used, old = await office.token(), await office.token()
    first = await office.enrol(machine(used))
    again = await office.enrol(machine(used))
    assert isinstance(first, Enrolled) and isinstance(again, Enrolled) and first.token != again.token
    assert await refused(office, machine(used, b"x" * 32)) == "enrolment-used"
    await office.clock.run_for(HOUR.total_seconds())
    assert await refused(office, machine(old, b"y" * 32)) == "enrolment-ended"
    assert await refused(office, machine(used)) == "enrolment-ended"
    assert await refused(office, machine("cb-join-none")) == "no-such-enrolment"


async def test_keys_have_to_be_proven(office: Office) -> None:
    """Whoever saw a join go by could ask again for its answer."""
    asking = machine(await office.token())
    stolen = Joining(asking.token, asking.keys, machine(asking.token, b"x" * 32).proof, "h", "0.1")
    assert await refused(office, stolen) == "keys-not-proven"


async def test_only_a_token_that_names_a_node_replaces_it(office: Office) -> None:
    """A token for a new machine would take an existing node over."""
    before = await office.joined("tokyo-1")
    assert await refused(office, machine(await office.token(), b"x" * 32)) == "node-exists"
    assert await refused(office, machine(await office.token("osaka-1"), node_id="tokyo-1")) == "other-node"
    after = await office.joined("tokyo-1", b"x" * 32)
    assert after.token != before.token
    assert office.broker.disconnected == ["tokyo-1"]


async def test_nobody_joins_before_the_deployers_keys_are_known() -> None:
    """A node would trust nobody, and take no order ever."""
    office = Office()
    with pytest.raises(Unavailable, match="the deployer has not told its keys"):
        await office.enrol(machine(await office.token()))
    assert await office.store.logins() == []


async def test_a_revoked_node_is_cut_off_even_while_the_broker_is_away(office: Office) -> None:
    """A thief would go on until somebody looks again."""
    await office.joined("tokyo-1")
    await office.keep.step()
    office.broker.away = "it is being restarted"
    assert await office.revoke("tokyo-1", "ana") is not None
    assert "tokyo-1" in office.cut_off and set(office.broker.logins) == {"tokyo-1"}
    office.broker.away = None
    await office.keep.step()
    assert office.broker.logins == {} and office.broker.disconnected == ["tokyo-1"]
    assert await office.revoke("nobody", "ana") is None
    # It may come back, with a token that names it.
    await office.joined("tokyo-1", b"x" * 32)
    await office.cut_off.refresh()
    assert "tokyo-1" not in office.cut_off and set(office.broker.logins) == {"tokyo-1"}


async def test_a_broker_that_forgot_everything_is_told_again(office: Office) -> None:
    """The broker is disposable: nobody would get in after the loss of its disk."""
    for node_id in ("tokyo-1", "osaka-1"):
        await office.joined(node_id)
    await office.keep.step()
    office.broker.logins.clear()
    await office.keep.step()
    assert set(office.broker.logins) == {"tokyo-1", "osaka-1"}
    # A part that is missing is found when everything is compared, which is now and then.
    del office.broker.logins["osaka-1"]
    await office.clock.run_for(LOOK_SECONDS)
    await office.keep.step()
    assert set(office.broker.logins) == {"tokyo-1", "osaka-1"}


async def test_a_queue_that_was_missed_is_made_at_once_and_not_again_and_again(office: Office) -> None:
    """Leases would be lost for a minute; or each lease that finds no queue would cost the broker an import."""
    await office.joined("tokyo-1")
    office.broker.logins.clear()
    office.keep.misses("tokyo-1")
    await office.keep.repair()
    assert set(office.broker.logins) == {"tokyo-1"}
    office.broker.logins.clear()
    office.keep.misses("tokyo-1")
    await office.keep.repair()
    assert office.broker.logins == {}
    office.keep.misses("somebody-without-a-login")
    await office.keep.repair()


async def test_a_flood_that_is_noticed_while_another_is_locked_out_is_not_forgotten(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would go on until it is noticed once more."""
    for node_id in ("tokyo-1", "osaka-1"):
        await office.joined(node_id)
    lock_out = office.broker.lock_out

    async def slow(node_ids: Collection[str]) -> None:
        office.keep.floods("osaka-1")
        await lock_out(node_ids)

    monkeypatch.setattr(office.broker, "lock_out", slow)
    office.keep.floods("tokyo-1")
    await office.keep.repair()
    monkeypatch.setattr(office.broker, "lock_out", lock_out)
    await office.keep.repair()
    assert office.broker.locked == {"tokyo-1", "osaka-1"}


async def test_a_node_that_floods_is_locked_out_for_a_minute_or_two(office: Office) -> None:
    """Nobody would stop it, or a registry that was restarted meanwhile would never let it in again."""
    await office.joined("tokyo-1")
    await office.keep.step()
    assert office.broker.bounded
    office.keep.floods("tokyo-1")
    office.keep.floods("nobody")
    await office.keep.repair()
    assert office.broker.locked == {"tokyo-1"}
    another = KeepAccess(office.store, office.broker, office.clock, SeededRandomness(2))
    await another.step()
    assert office.broker.locked == {"tokyo-1"}, "not by the next look: it may have been locked out just before"
    await office.clock.run_for(LOOK_SECONDS)
    await another.step()
    assert office.broker.locked == set()
