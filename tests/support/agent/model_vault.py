"""Who is to run what, and the logins of it: what the registry and the deployer know of assignments, for one node.

Without a `ModelVault` a model registry assigns nothing, as registries before sets did.
"""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from services.node_agent.telegram.in_memory import login_of
from shared.clock import Clock
from shared.contracts.assignments import (
    AssignAccounts,
    AssignedAccount,
    AssignmentSet,
    ReleasedAccount,
    assignments_digest,
)
from shared.contracts.contract import Contract
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.identifiers import content_hash
from shared.contracts.sessions import (
    SEALED_INLINE_LIMIT,
    DeliverSession,
    SessionRefused,
    SessionStored,
    SessionSynced,
    SyncSession,
    sealed_for,
)
from shared.sealing import open_sealed, seal, sealing_key_of
from tests.support.agent.trusting import NODES, SIGNER, VAULT


@dataclass
class ModelVault:
    """The node's set, and the versions of every login. `assign` and its kin change the set."""

    clock: Clock
    revision: int = 0
    rows: dict[str, AssignedAccount] = field(default_factory=dict)
    excluded: list[str] = field(default_factory=list)
    versions: dict[str, list[bytes]] = field(default_factory=dict)
    released: list[ReleasedAccount] = field(default_factory=list)
    synced: list[SessionSynced] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    delivered: list[DeliverSession] = field(default_factory=list)
    sending: bool = True
    storing: bool = True
    refusing: str | None = None
    telling: bool = True
    urls: dict[str, bytes] = field(default_factory=dict)

    def assign(
        self, account_id: str, epoch: int, *, release: bool = False, silent_before: datetime | None = None
    ) -> None:
        """The node has an account in this epoch, or is asked to give it back."""
        self.rows[account_id] = AssignedAccount(
            account_id=account_id, epoch=epoch, release=release, silent_before=silent_before
        )
        self.revision += 1

    def unassign(self, account_id: str, *, exclude: bool = False) -> None:
        """The node does not have it any more."""
        self.rows.pop(account_id, None)
        if exclude:
            self.excluded.append(account_id)
        self.revision += 1

    def put(self, account_id: str, content: bytes | None = None) -> None:
        """The vault has another version of a login."""
        self.versions.setdefault(account_id, []).append(content or login_of(account_id))

    @property
    def named(self) -> AssignmentSet:
        """The set as grants name it."""
        return AssignmentSet(revision=self.revision, digest=assignments_digest(self.rows.values(), self.excluded))

    def answers(self, beat: HeartbeatReported) -> list[Contract]:
        """What a beat leads to besides its grant."""
        self.released, self.wanted = beat.released, beat.wanting
        found: list[Contract] = []
        if self.telling and beat.assignments != self.named:
            found.append(self.order(beat.node_id))
        for account_id in beat.wanting if self.sending else ():
            row = self.rows.get(account_id)
            if row is not None and account_id in self.versions:
                found.append(self.delivery(beat.node_id, account_id, row.epoch))
        return found

    def order(self, node_id: str) -> AssignAccounts:
        """The whole set."""
        rows: Sequence[AssignedAccount] = list(self.rows.values())
        return AssignAccounts(node_id=node_id, revision=self.revision, accounts=rows, excluded=self.excluded)

    def delivery(self, node_id: str, account_id: str, epoch: int, *, key: bytes = NODES) -> DeliverSession:
        """The newest version of a login, sealed to the node."""
        content = self.versions[account_id][-1]
        hash_ = content_hash(content)
        bound_to = sealed_for(DeliverSession.TYPE, node_id, account_id, epoch, hash_)
        sealed = seal(_packed(content), sealing_key_of(key), bound_to)
        inline = len(sealed) <= SEALED_INLINE_LIMIT
        url = f"http://vault/{account_id}/{epoch}"
        if not inline:
            self.urls[url] = sealed
        order = DeliverSession(
            node_id=node_id,
            account_id=account_id,
            epoch=epoch,
            version=len(self.versions[account_id]),
            hash=hash_,
            size=len(content),
            sealed=base64.b64encode(sealed).decode() if inline else None,
            url=None if inline else url,
            issued_at=self.clock.now(),
        )
        self.delivered.append(SIGNER.sign(order))
        return self.delivered[-1]

    def ask(self, node_id: str, account_id: str, epoch: int, number: int = 1) -> SyncSession:
        """The order to hand a login's present state back."""
        sync_id = f"syn_{number:032x}"
        order = SyncSession(
            node_id=node_id, account_id=account_id, epoch=epoch, sync_id=sync_id, issued_at=self.clock.now()
        )
        return SIGNER.sign(order)

    def store(self, state: SessionSynced) -> SessionStored | SessionRefused | None:
        """Take a state that was handed back, if the vault works and wants it."""
        bound_to = sealed_for(SessionSynced.TYPE, state.node_id, state.account_id, state.epoch, state.hash)
        content = zlib.decompress(open_sealed(base64.b64decode(state.sealed), VAULT, bound_to))
        assert (content_hash(content), len(content)) == (state.hash, state.size)
        self.synced.append(state)
        if not self.storing:
            return None
        if self.refusing is not None:
            refused = SessionRefused(
                node_id=state.node_id,
                account_id=state.account_id,
                epoch=state.epoch,
                hash=state.hash,
                reason=self.refusing,
                refused_at=self.clock.now(),
            )
            return SIGNER.sign(refused)
        if content not in self.versions.get(state.account_id, ()):
            self.put(state.account_id, content)
        stored = SessionStored(
            node_id=state.node_id,
            account_id=state.account_id,
            epoch=state.epoch,
            hash=state.hash,
            stored_at=self.clock.now(),
        )
        return SIGNER.sign(stored)


@cache
def _packed(content: bytes) -> bytes:
    return zlib.compress(content)
