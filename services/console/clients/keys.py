"""`/api/v1/group-ai/keys` and `…/sessions/rotate-key`: the keys that orders are signed with, and the vault's."""

from datetime import datetime

from services.console.clients.api import AT_LENGTH, Api, View

PATH = "/api/v1/group-ai/keys"
VAULT = "/api/v1/group-ai/sessions/rotate-key"


class Key(View):
    """A key of the deployer's, by its public half."""

    key_id: str
    purpose: str
    state: str
    created_at: datetime
    changed_at: datetime


class KeyList(View):
    """All that are kept, the newest first; `serial` names what nodes shall trust."""

    serial: int
    keys: list[Key]


class Resealing(View):
    """How far a rotation of the master key is."""

    active: str
    resealed: int
    unreadable: int
    left: int
    under: dict[str, int]


class Keys:
    """The API of keys."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def all(self) -> KeyList:
        """The deployer's keys."""
        return await self._api.get(PATH, KeyList)

    async def rotate(self) -> KeyList:
        """Bring in a new signing key."""
        return await self._api.post(f"{PATH}/rotate", KeyList)

    async def reseal(self) -> Resealing:
        """Seal some thousands of secrets anew under the master key in front."""
        return await self._api.post(VAULT, Resealing, within=AT_LENGTH)
