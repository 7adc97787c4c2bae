"""`/api/v1/dead-letters`: what could not be handled, and why."""

from services.console.clients.api import Api, Paged, View, below

PATH = "/api/v1/dead-letters"


class Letter(View):
    """A dead letter."""

    id: str
    queue: str | None
    exchange: str | None
    routing_key: str | None
    reason: str | None
    at: str | None
    type: str | None
    body: str
    encoding: str


class _Settled(View):
    outcome: str


class DeadLetters:
    """The API of dead letters."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def listed(self, limit: int) -> list[Letter]:
        """The oldest letters."""
        return (await self._api.get(PATH, Paged[Letter], {"limit": limit})).items

    async def one(self, letter_id: str) -> Letter:
        """A letter."""
        return await self._api.get(_path(letter_id), Letter)

    async def replay(self, letter_id: str) -> None:
        """Publish it again."""
        await self._api.post(f"{_path(letter_id)}/replay", _Settled)

    async def drop(self, letter_id: str) -> None:
        """Remove it for good."""
        await self._api.delete(_path(letter_id))


def _path(letter_id: str) -> str:
    return below(PATH, letter_id)
