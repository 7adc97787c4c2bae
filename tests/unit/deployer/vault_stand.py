"""The vault with everything but PostgreSQL and RabbitMQ, in virtual time; a registry's voice and nodes with keys."""

import base64
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import SecretStr

from services.deployer.domain.sessions import Destination, SessionVersion
from services.deployer.domain.telegram_logins import RefusedSession, Sandbox
from services.deployer.formats.reading import FormatReader
from services.deployer.key_ring import KeyRing
from services.deployer.session_safe import SealedSessions
from services.deployer.store.in_memory import InMemoryStore
from services.deployer.use_cases.browse_sessions import BrowseSessions, Downloaded
from services.deployer.use_cases.deliver_sessions import DeliverSessions
from services.deployer.use_cases.keep_version import KeepVersion, Kept, KeyTaken
from services.deployer.use_cases.record_syncs import OpenSealed, RecordSyncs
from services.deployer.use_cases.sign_in import SignInOnNode
from services.deployer.use_cases.store_sessions import StoreSessions, Upload
from services.deployer.use_cases.sync_now import SyncNow
from shared.clock import VirtualClock
from shared.contracts.assignments import AssignmentChanged, AssignmentState, SessionWanted
from shared.contracts.contract import Contract
from shared.contracts.fleet import NodeStatus
from shared.contracts.identifiers import content_hash
from shared.contracts.sessions import LARGEST_SESSION, DeliverSession, SessionChanged, SessionSynced, sealed_for
from shared.packing import packed, unpacked
from shared.randomness import SeededRandomness
from shared.sealing import new_sealing_key, open_sealed, seal, sealing_key_of
from tests.unit.deployer.making import node
from tests.unit.deployer.session_making import telethon_file

M = TypeVar("M", bound=Contract)
SECRET = b"secret-of-the-tests"


@dataclass
class VaultPair:
    """The vault's key pairs, the newest first."""

    private: list[bytes] = field(default_factory=lambda: [new_sealing_key()])

    def opening(self) -> list[bytes]:
        """The private halves."""
        return self.private


class Vault:
    """The use cases of the vault on a store."""

    def __init__(
        self,
        *,
        store: Any = None,
        keys: KeyRing | None = None,
        sandbox: Sandbox | None = None,
        pair: VaultPair | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self.randomness = SeededRandomness(1)
        self.store = store or InMemoryStore()
        self.keys = keys or KeyRing(SECRET)
        self.pair = pair or VaultPair()
        self.safe = SealedSessions(self.keys)
        self.reader = FormatReader(sandbox)
        self.destinations: list[Destination] = []
        self.keep = KeepVersion(self.safe, self.clock)
        open_ = OpenSealed(self.pair, self.reader)
        self.sessions = StoreSessions(self.store, self.reader, self.keep, self.clock)
        self.browse = BrowseSessions(self.store, self.safe)
        self.deliver = DeliverSessions(self.store, self.safe, self._url_of, self.clock)
        self.record = RecordSyncs(self.store, open_, self.keep, self.clock)
        self.sync_now = SyncNow(self.store, self.clock, self.randomness)
        self.sign_in = SignInOnNode(self.store, open_, self.keep, self.clock, self.randomness)
        self.node_keys: dict[str, bytes] = {}

    def _url_of(self, destination: Destination) -> str:
        self.destinations.append(destination)
        return "https://office/fetch"

    async def upload(self, account: str = "ana", content: bytes | None = None, **more: Any) -> Kept:
        """Upload one login that is taken."""
        outcome = await self.offer(account, content, **more)
        assert isinstance(outcome, Kept), outcome
        return outcome

    async def offer(self, account: str, content: bytes | None = None, **more: Any) -> Kept | KeyTaken | RefusedSession:
        """Upload one login; what became of it."""
        given = telethon_file() if content is None else content
        [taken] = await self.sessions.upload(Upload("x.session", given, account, by="mika", **more))
        return taken.outcome

    async def content(self, account: str = "ana", version: int | None = None) -> bytes:
        """What the vault has."""
        found = await self.browse.download(account, version)
        assert isinstance(found, Downloaded), found
        return found.content

    async def versions(self, account: str = "ana") -> list[SessionVersion]:
        """Every version, the oldest first."""
        found = await self.browse.versions(account, None, 1000)
        assert isinstance(found, list)
        return found[::-1]

    async def current(self, account: str = "ana") -> int:
        """The number of the current version."""
        view = await self.browse.one(account)
        assert view is not None
        return view.current.version

    async def assign(self, account: str, node_id: str, epoch: int, **more: Any) -> None:
        """What the registry says when a node has an account."""
        fields: dict[str, Any] = {"change": "assigned", "state": AssignmentState.ASSIGNED, "at": self.clock.now()}
        change = AssignmentChanged(account_id=account, epoch=epoch, node_id=node_id, **(fields | more))
        await self.deliver.note(change)

    async def want(self, account: str, node_id: str, epoch: int, at_least: str | None = None) -> DeliverSession | None:
        """What the registry says when a node lacks a login; the order that came of it."""
        key = base64.b64encode(sealing_key_of(self.private_key(node_id))).decode()
        wanted = SessionWanted(
            node_id=node_id, account_id=account, epoch=epoch, sealing_key=key, at_least=at_least, at=self.clock.now()
        )
        return await self.deliver.deliver(wanted)

    def private_key(self, node_id: str) -> bytes:
        """A node's own key."""
        return self.node_keys.setdefault(node_id, new_sealing_key())

    async def node(self, node_id: str, *, joined: bool = True, **changes: Any) -> None:
        """Let the registry tell of a node."""
        key = base64.b64encode(sealing_key_of(self.private_key(node_id))).decode() if joined else None
        known = node(node_id, **({"sealing_key": key, "status": NodeStatus.ONLINE} | changes))
        async with self.store.begin() as transaction:
            await transaction.nodes.save([known])

    def opened(self, order: DeliverSession, sealed: bytes | None = None) -> bytes:
        """What a node has of an order."""
        bound_to = sealed_for(DeliverSession.TYPE, order.node_id, order.account_id, order.epoch, order.hash)
        content = base64.b64decode(order.sealed or "") if sealed is None else sealed
        return unpacked(open_sealed(content, self.private_key(order.node_id), bound_to), LARGEST_SESSION)

    def state(
        self, account: str, node_id: str, content: bytes, place: tuple[int, int, int], **changes: Any
    ) -> SessionSynced:
        """A state that a node hands back."""
        epoch, boot, number = place
        hash_ = content_hash(content)
        bound_to = sealed_for(SessionSynced.TYPE, node_id, account, epoch, hash_)
        sealed = seal(packed(content), sealing_key_of(self.pair.private[0]), bound_to)
        fields: dict[str, Any] = {
            "node_id": node_id,
            "account_id": account,
            "epoch": epoch,
            "boot": boot,
            "number": number,
            "hash": hash_,
            "size": len(content),
            "sealed": base64.b64encode(sealed).decode(),
            "at": self.clock.now(),
        }
        return SessionSynced(**(fields | changes))

    def told(self, kind: type[M]) -> list[M]:
        """Every message of a kind that was put into the outbox."""
        return [message for message in self.store.announced if isinstance(message, kind)]

    @property
    def changes(self) -> list[str]:
        """What was told of sessions: `ana stored 1`."""
        return [f"{one.account_id} {one.change} {one.version}" for one in self.told(SessionChanged)]


def keys_of(*keys: str) -> KeyRing:
    """A ring with these master keys."""
    return KeyRing(SECRET, keys=SecretStr(" ".join(keys)))
