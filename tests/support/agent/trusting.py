"""Keys for tests: a deployer that signs, and a node that trusts it."""

import base64
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from yarl import URL

from services.deployer.domain.signing_keys import Keys, KeyState, Purpose, StoredKey, begun
from services.deployer.key_ring import KeyRing
from services.deployer.use_cases.keys import SEALED_AS
from services.node_agent.domain.keys import NodeKeys
from services.node_agent.domain.membership import Membership
from services.node_agent.domain.trust import Trust
from services.node_agent.store.identity_file import IdentityFile
from shared.clock import Clock
from shared.contracts.enrolments import BrokerLogin, Enrolled
from shared.contracts.keys import NamedKey, TrustedKeys
from shared.sealing import sealing_key_of
from shared.signing import Signer, key_id_of, verifying_key_of

# Any 32 bytes are a private key; the same ones make every test's failure the same.
SIGNING, VAULT, NODES = b"s" * 32, b"v" * 32, b"n" * 32
SIGNER = Signer(SIGNING)


def named(public: bytes) -> NamedKey:
    """A public key with its name."""
    return NamedKey(key_id=key_id_of(public), key=base64.b64encode(public).decode())


def trusted(serial: int = 1, *signing: bytes) -> TrustedKeys:
    """What a node goes by: the public halves of these signing keys, by default of the one that signs here."""
    keys = [named(verifying_key_of(private)) for private in signing or (SIGNING,)]
    return TrustedKeys(serial=serial, signing=keys, vault=named(sealing_key_of(VAULT)))


def trust_of(node_id: str, clock: Clock, keys: TrustedKeys | None = None) -> Trust:
    """A node that goes by these keys."""
    return Trust(NodeKeys(node_id, NODES, keys or trusted()), clock)


def stored_keys(secret: str, now: datetime) -> Keys:
    """The keys above as a deployer with this secret keeps them."""
    ring = KeyRing(secret.encode())
    signing, vault = verifying_key_of(SIGNING), sealing_key_of(VAULT)
    sealed = {
        signing: ring.seal(SEALED_AS[Purpose.SIGNING], key_id_of(signing), SIGNING),
        vault: ring.seal(SEALED_AS[Purpose.VAULT], key_id_of(vault), VAULT),
    }
    purposes = {signing: Purpose.SIGNING, vault: Purpose.VAULT}
    keys = [
        StoredKey(key_id_of(public), purpose, KeyState.CURRENT, public, sealed[public], now, now)
        for public, purpose in purposes.items()
    ]
    return begun(keys[0], keys[1], now)


@dataclass
class KeptInMemory:
    """Keeps the keys that a node was told to go by."""

    kept: list[TrustedKeys] = field(default_factory=list)

    async def keep(self, keys: TrustedKeys) -> None:
        """Keep them."""
        self.kept.append(keys)


def write_identity(state_dir: Path, node_id: str, amqp_url: str, url: str = "http://127.0.0.1:1") -> Membership:
    """Make a node without a registry: its login at the broker is the one in `amqp_url`."""
    broker = URL(amqp_url)
    login = BrokerLogin(
        url=str(broker.with_user(None)), username=broker.user or "guest", password=broker.password or "guest"
    )
    membership = Membership(
        url=url,
        sealing_key=base64.b64encode(NODES).decode(),
        signing_key=base64.b64encode(NODES).decode(),
        given=Enrolled(node_id=node_id, broker=login, token="a-token-of-this-node", keys=trusted()),
    )
    IdentityFile(state_dir).write(membership)
    return membership
