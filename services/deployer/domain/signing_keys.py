"""The keys that orders are signed with, and how they change while every node goes on taking orders.

| step   | the new key | the key before | nodes trust    | it is taken when                              |
| ------ | ----------- | -------------- | -------------- | --------------------------------------------- |
| begin  | `current`   |                | it             | there are no keys                             |
| rotate | `next`      | `current`      | both, serial+1 | an operator says so                           |
| switch | `current`   | `former`       | both           | every online node trusts both, or `PATIENCE`  |
| retire | `current`   | `retired`      | one, serial+1  | `OVERLAP` has passed: orders under way are in |

A node is told other keys by an order that is signed with a key that it trusts. It tells the serial that it goes by, and
which keys that serial had is kept, so a node that missed it all is told with the last key that it trusts: the newest
`KEPT_RETIRED` retired keys are kept for that. Pure; `use_cases/keys.py` acts on it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

# A node that is online and still does not trust the next key holds the others up for so long at most.
PATIENCE = timedelta(hours=1)
# Orders that wait in a node's queue, or are carried there, were signed with the key before.
OVERLAP = timedelta(minutes=10)
KEPT_RETIRED = 4


class NoKeys(Exception):
    """There is nothing to sign with; the text says why."""


class KeyState(StrEnum):
    """See the module's docstring."""

    NEXT = "next"
    CURRENT = "current"
    FORMER = "former"
    RETIRED = "retired"


class Purpose(StrEnum):
    """What a key is for: signing orders, or opening logins that nodes hand back."""

    SIGNING = "signing"
    VAULT = "vault"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One key: its public half, and its private one as the ring of master keys has sealed it."""

    key_id: str
    purpose: Purpose
    state: KeyState
    public: bytes
    sealed: bytes = field(repr=False)
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class KeySet:
    """What nodes trust by a serial: signing keys by their ids, and the vault's."""

    serial: int
    signing: tuple[str, ...]
    vault: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Keys:
    """Everything that is kept of keys. `sets` are in the order of their serials; the last one holds."""

    keys: tuple[StoredKey, ...] = ()
    sets: tuple[KeySet, ...] = ()

    @property
    def trusted(self) -> KeySet:
        """What nodes shall trust. There are keys."""
        return self.sets[-1]

    def signing(self, state: KeyState) -> StoredKey | None:
        """The newest signing key in a state."""
        found = [key for key in self.keys if key.purpose is Purpose.SIGNING and key.state is state]
        return max(found, key=lambda key: key.changed_at, default=None)

    def key(self, key_id: str) -> StoredKey:
        """The key of this id. Raises KeyError."""
        for key in self.keys:
            if key.key_id == key_id:
                return key
        raise KeyError(key_id)

    def trusted_by(self, serial: int) -> StoredKey | None:
        """The key to sign with for a node that goes by this serial; None when none of its keys is kept any more."""
        known = {key.key_id: key for key in self.keys}
        ids = next((one.signing for one in self.sets if one.serial == serial), ())
        found = [known[key_id] for key_id in ids if key_id in known]
        return max(found, key=lambda key: (key.state is KeyState.CURRENT, key.created_at), default=None)


@dataclass(frozen=True, slots=True)
class RotationRuns:
    """One is on its way already; `waits_for` says for what."""

    waits_for: str


def begun(signing: StoredKey, vault: StoredKey, now: datetime) -> Keys:
    """The first keys."""
    return Keys((signing, vault), (KeySet(1, (signing.key_id,), vault.key_id, now),))


def rotated(keys: Keys, new: StoredKey, seen: int, now: datetime) -> Keys | RotationRuns:
    """Bring in the next key. `seen` is the highest serial that any node goes by."""
    current = keys.signing(KeyState.CURRENT)
    if keys.signing(KeyState.NEXT) is not None:
        return RotationRuns("every online node trusts the next key")
    if keys.signing(KeyState.FORMER) is not None or current is None:
        return RotationRuns("the former key has retired, some minutes after the switch")
    # Above every serial that a node has ever heard, also after the database was restored from an older copy.
    serial = max(keys.trusted.serial, seen) + 1
    both = KeySet(serial, (current.key_id, new.key_id), keys.trusted.vault, now)
    return replace(keys, keys=(*keys.keys, new), sets=(*keys.sets, both))


def advanced(keys: Keys, online: Collection[int], now: datetime) -> Keys | None:
    """The next step of a rotation, if its time has come. `online` are the serials of the nodes that are online."""
    next_, current, former = (keys.signing(state) for state in (KeyState.NEXT, KeyState.CURRENT, KeyState.FORMER))
    if next_ is not None and current is not None:
        told = all(serial >= keys.trusted.serial for serial in online)
        if not told and now < keys.trusted.created_at + PATIENCE:
            return None
        return _with(keys, _now(next_, KeyState.CURRENT, now), _now(current, KeyState.FORMER, now))
    if former is not None and current is not None and now >= former.changed_at + OVERLAP:
        kept = _with(keys, _now(former, KeyState.RETIRED, now))
        one = KeySet(keys.trusted.serial + 1, (current.key_id,), keys.trusted.vault, now)
        return _without_the_oldest(replace(kept, sets=(*kept.sets, one)))
    return None


def _now(key: StoredKey, state: KeyState, at: datetime) -> StoredKey:
    return replace(key, state=state, changed_at=at)


def _with(keys: Keys, *changed: StoredKey) -> Keys:
    by_id = {key.key_id: key for key in changed}
    return replace(keys, keys=tuple(by_id.get(key.key_id, key) for key in keys.keys))


def _without_the_oldest(keys: Keys) -> Keys:
    retired: Sequence[StoredKey] = sorted(
        (key for key in keys.keys if key.state is KeyState.RETIRED), key=lambda key: key.changed_at
    )
    gone = {key.key_id for key in retired[:-KEPT_RETIRED]}
    left = tuple(key for key in keys.keys if key.key_id not in gone)
    ids = {key.key_id for key in left}
    return Keys(left, tuple(one for one in keys.sets if ids & set(one.signing)))
