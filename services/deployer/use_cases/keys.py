"""The deployer's own keys: made at the first start, known to every replica, changed when an operator says so.

Every replica reads them again every few seconds, so after a switch one may sign with the former key for a moment, which
nodes trust still. Private keys are opened in memory only. What the master keys do not open any more is told, again and
again, and nothing is signed until they do. Raises Unavailable when the database is away.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from services.deployer.domain.keeping import Keys as MasterKeys
from services.deployer.domain.keeping import NotOpened
from services.deployer.domain.ports import Store
from services.deployer.domain.signing_keys import (
    Keys,
    KeyState,
    NoKeys,
    Purpose,
    RotationRuns,
    StoredKey,
    begun,
    rotated,
)
from shared.clock import Clock
from shared.contracts.keys import NamedKey, TrustedKeys
from shared.messaging import Unavailable
from shared.sealing import new_sealing_key, sealing_key_of
from shared.signing import Signer, key_id_of, new_signing_key, verifying_key_of

log = structlog.get_logger(__name__)

SEALED_AS = {Purpose.SIGNING: "signing keys", Purpose.VAULT: "vault keys"}


@dataclass(frozen=True)
class Opened:
    """Keys as this replica has them open. `private` has them by id."""

    keys: Keys
    signer: Signer
    private: dict[str, bytes]

    @property
    def trusted(self) -> TrustedKeys:
        """What nodes shall go by."""
        return trusted_keys(self.keys)


class DeployerKeys:
    """See the module's docstring."""

    def __init__(self, store: Store, master: MasterKeys, clock: Clock) -> None:
        self._store = store
        self._master = master
        self._clock = clock
        self._opened: Opened | None = None
        self._problem = "the keys have not been read yet"

    @property
    def opened(self) -> Opened:
        """The keys. Raises NoKeys."""
        if self._opened is None:
            raise NoKeys(self._problem)
        return self._opened

    @property
    def problem(self) -> str | None:
        """Why nothing can be signed."""
        return self._problem if self._opened is None else None

    def signer(self) -> Signer:
        """The one that signs now. Raises NoKeys."""
        return self.opened.signer

    def signer_trusted_by(self, serial: int) -> Signer | None:
        """One whose key a node trusts that goes by this serial; None when there is none any more. Raises NoKeys."""
        key = self.opened.keys.trusted_by(serial)
        return None if key is None else Signer(self.opened.private[key.key_id])

    def opening(self) -> Sequence[bytes]:
        """The private halves that open what nodes seal to the vault, the one that they are told first.

        Raises Unavailable while there is none.
        """
        try:
            opened = self.opened
        except NoKeys as error:
            raise Unavailable(str(error)) from error
        told = opened.keys.trusted.vault
        vault = [key.key_id for key in opened.keys.keys if key.purpose is Purpose.VAULT]
        return [opened.private[key_id] for key_id in sorted(vault, key=lambda key_id: key_id != told)]

    async def refresh(self) -> None:
        """Read the keys again; make them at the first start, and seal them anew under another active master key."""
        async with self._store.begin() as transaction:
            keys = await transaction.keys.all()
        if not keys.keys or self._sealed_under_another(keys):
            async with self._store.begin() as transaction:
                keys = await transaction.keys.lock()
                kept = self._begun() if not keys.keys else keys
                keys = replace(kept, keys=tuple(self._sealed_anew(key) for key in kept.keys))
                await transaction.keys.save(keys)
        self.take(keys)

    async def rotate(self) -> Keys | RotationRuns:
        """Bring in the next key."""
        async with self._store.begin() as transaction:
            keys = await transaction.keys.lock()
            seen = await transaction.nodes.highest_serial()
            new = self._new(Purpose.SIGNING, KeyState.NEXT, self._clock.now())
            outcome = rotated(keys, new, seen, self._clock.now())
            if isinstance(outcome, RotationRuns):
                return outcome
            await transaction.keys.save(outcome)
        log.info("key_rotation_begun", next=new.key_id, serial=outcome.trusted.serial)
        self.take(outcome)
        return outcome

    def take(self, keys: Keys) -> None:
        """Open keys that were read."""
        if self._opened is not None and self._opened.keys == keys:
            return
        current = keys.signing(KeyState.CURRENT)
        try:
            private = {key.key_id: self._open(key) for key in keys.keys}
        except NotOpened as error:
            self._tell(f"a key of the deployer's does not open: {error}")
            return
        if current is None:
            self._tell("the database has no current signing key: restore the table deployer.keys from a backup")
            return
        self._opened = Opened(keys, Signer(private[current.key_id]), private)
        log.info("keys_read", serial=keys.trusted.serial, signing=current.key_id)

    def _tell(self, problem: str) -> None:
        if problem != self._problem:
            log.error("keys_not_usable", reason=problem)
        self._problem = problem

    def _begun(self) -> Keys:
        now = self._clock.now()
        signing, vault = (self._new(purpose, KeyState.CURRENT, now) for purpose in (Purpose.SIGNING, Purpose.VAULT))
        log.info("keys_made", signing=signing.key_id, vault=vault.key_id)
        return begun(signing, vault, now)

    def _new(self, purpose: Purpose, state: KeyState, now: datetime) -> StoredKey:
        match purpose:
            case Purpose.SIGNING:
                private = new_signing_key()
                public = verifying_key_of(private)
            case Purpose.VAULT:
                private = new_sealing_key()
                public = sealing_key_of(private)
        key_id = key_id_of(public)
        sealed = self._master.seal(SEALED_AS[purpose], key_id, private)
        return StoredKey(key_id, purpose, state, public, sealed, now, now)

    def _open(self, key: StoredKey) -> bytes:
        return self._master.open(SEALED_AS[key.purpose], key.key_id, key.sealed)

    def _sealed_under_another(self, keys: Keys) -> bool:
        return any(not self._master.is_active(key.sealed) for key in keys.keys)

    def _sealed_anew(self, key: StoredKey) -> StoredKey:
        if self._master.is_active(key.sealed):
            return key
        try:
            return replace(key, sealed=self._master.seal(SEALED_AS[key.purpose], key.key_id, self._open(key)))
        except NotOpened:
            return key


def trusted_keys(keys: Keys) -> TrustedKeys:
    """What nodes shall go by, as a message says it."""
    named = {key.key_id: NamedKey(key_id=key.key_id, key=base64.b64encode(key.public).decode()) for key in keys.keys}
    trusted = keys.trusted
    return TrustedKeys(
        serial=trusted.serial, signing=[named[each] for each in trusted.signing], vault=named[trusted.vault]
    )
