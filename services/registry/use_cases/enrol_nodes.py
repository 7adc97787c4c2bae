"""Let machines join: give out one-time tokens, and make a node of the machine that comes with one.

A machine that asks again with the same token and keys gets new secrets in place of those that it may never have seen.
Its login at the broker is made at once; where the broker does not answer, `KeepAccess` makes it later, and the node
tries until then. Everything raises Unavailable when the store is away, or the deployer has not told its keys yet.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.registry.domain.access_ports import AccessStore
from services.registry.domain.broker_access import BrokerAccess, NodeLogin, password_hash
from services.registry.domain.enrolments import (
    UNKNOWN,
    Admitted,
    Asked,
    Enrolment,
    KeyPair,
    NodeKeys,
    NotAdmitted,
    judged,
    used,
    wanted_id,
)
from shared.clock import Clock
from shared.contracts.enrolments import (
    ENROLMENT_TOKEN_PREFIX,
    NODE_TOKEN_PREFIX,
    BrokerLogin,
    Enrolled,
    proof_of,
)
from shared.messaging import Unavailable
from shared.randomness import Randomness
from shared.signing import is_signed_by

log = structlog.get_logger(__name__)

# A token that ended is kept for so long, to say so to whoever still comes with it.
KEPT = timedelta(days=30)

_UNPROVEN = NotAdmitted(
    "keys-not-proven", "the proof is not a signature of the signing key under this token and both keys"
)


@dataclass(frozen=True)
class Offer:
    """What every node is told: where the broker and the origin are for nodes, whom to trust, how often to beat."""

    broker_url: str | None
    url: str | None
    ca: str | None
    heartbeat_seconds: float


@dataclass(frozen=True)
class Invited:
    """A new token. It is shown once, and kept by its hash alone."""

    token: str
    enrolment: Enrolment


@dataclass(frozen=True)
class Joining:
    """What a machine says that wants to join; keys and proof in base64."""

    token: str
    keys: KeyPair
    proof: str
    hostname: str
    agent_version: str
    node_id: str | None = None


@dataclass(frozen=True)
class _Secrets:
    password: str
    token: str


class EnrolNodes:
    """See the module's docstring."""

    def __init__(
        self, store: AccessStore, broker: BrokerAccess, offer: Offer, clock: Clock, randomness: Randomness
    ) -> None:
        self._store = store
        self._broker = broker
        self._offer = offer
        self._clock = clock
        self._randomness = randomness

    async def invite(self, node_id: str | None, labels: dict[str, str], lasts: timedelta, by: str) -> Invited:
        """Give out a token that ends after `lasts`."""
        token, now = self._randomness.new_id(ENROLMENT_TOKEN_PREFIX), self._clock.now()
        enrolment = Enrolment(
            enrolment_id=self._randomness.new_id("enr_"),
            token_hash=hashed(token),
            node_id=node_id,
            labels=labels,
            created_by=by,
            created_at=now,
            expires_at=now + lasts,
        )
        async with self._store.begin() as transaction:
            await transaction.forget_enrolments(now - KEPT)
            await transaction.add_enrolment(enrolment)
        log.info("enrolment_given_out", enrolment=enrolment.enrolment_id, node=node_id, by=by)
        return Invited(token, enrolment)

    async def __call__(self, machine: Joining) -> Enrolled | NotAdmitted:
        """Let a machine join, or say why not."""
        outcome = await self._admit(machine) if _is_proven(machine) else _UNPROVEN
        if isinstance(outcome, NotAdmitted):
            log.warning("enrolment_refused", problem=outcome.slug, host=machine.hostname, node=machine.node_id)
        return outcome

    async def _admit(self, machine: Joining) -> Enrolled | NotAdmitted:
        asked = Asked(machine.keys, machine.hostname, machine.node_id)
        now, secrets = (
            self._clock.now(),
            _Secrets(self._randomness.new_id(), self._randomness.new_id(NODE_TOKEN_PREFIX)),
        )
        async with self._store.begin() as transaction:
            enrolment = await transaction.lock_enrolment(hashed(machine.token))
            if enrolment is None:
                return UNKNOWN
            node_id = wanted_id(enrolment, asked)
            holder = await transaction.lock_node(node_id) if node_id else None
            verdict = judged(enrolment, asked, holder, now)
            if isinstance(verdict, NotAdmitted):
                return verdict
            keys = await transaction.trusted_keys()
            if keys is None:
                raise Unavailable("the deployer has not told its keys yet: is it running?")
            node = self._node(verdict, enrolment, asked, secrets, now)
            await transaction.save_enrolment(used(enrolment, asked, node.node_id, now))
            await transaction.save_node(node)
        log.info("node_enrolled", node=node.node_id, enrolment=enrolment.enrolment_id, host=machine.hostname,
                 version=machine.agent_version, replaces=verdict.replaces is not None)  # fmt: skip
        await self._let_in(node, replaces=verdict.replaces is not None)
        return Enrolled(
            node_id=node.node_id,
            broker=self._login(node.node_id, secrets.password),
            url=self._offer.url,
            token=secrets.token,
            keys=keys,
            ca=self._offer.ca,
            labels=enrolment.labels,
            heartbeat_seconds=self._offer.heartbeat_seconds,
        )

    def _node(
        self, verdict: Admitted, enrolment: Enrolment, asked: Asked, secrets: _Secrets, now: datetime
    ) -> NodeKeys:
        return NodeKeys(
            node_id=verdict.node_id,
            keys=asked.keys,
            broker_hash=password_hash(secrets.password, salt=bytes.fromhex(self._randomness.new_id()[:8])),
            token_hash=hashed(secrets.token),
            enrolment_id=enrolment.enrolment_id,
            enrolled_at=now,
            changed_at=now,
        )

    async def _let_in(self, node: NodeKeys, *, replaces: bool) -> None:
        try:
            await self._broker.grant([NodeLogin(node.node_id, node.broker_hash)])
            if replaces:
                await self._broker.disconnect(node.node_id)
        except Unavailable as error:
            log.warning("login_waits_for_the_broker", node=node.node_id, reason=str(error))

    def _login(self, node_id: str, password: str) -> BrokerLogin | None:
        if self._offer.broker_url is None:
            return None
        return BrokerLogin(url=self._offer.broker_url, username=self._broker.username(node_id), password=password)


def hashed(token: str) -> str:
    """A token as it is kept. It is long and random, so it needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def _is_proven(machine: Joining) -> bool:
    content = proof_of(machine.token, machine.keys.sealing, machine.keys.signing)
    return is_signed_by(machine.keys.signing, machine.proof, content)
