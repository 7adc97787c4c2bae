"""`/api/v1/group-ai/script-deployment/drift`: nodes that no longer have what was verified on them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from services.console.clients.api import Api, Paged, View, below

PATH = "/api/v1/group-ai/script-deployment/drift"


class Wanted(View):
    """What the node should have."""

    version: int
    hash: str


class Found(View):
    """What the node has."""

    version: int
    hash: str
    file: str | None


class Drift(View):
    """One script on one node that is not as it should be."""

    node_id: str
    script_id: str
    state: str
    kind: str | None
    reason: str | None
    since: datetime | None
    policy: str | None
    desired: Wanted | None
    found: Found | None
    repairs: int
    last_failure: str | None
    next_look_at: datetime | None


class Drifts:
    """The API of drift."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def page(self, question: Mapping[str, object], cursor: str | None, limit: int) -> Paged[Drift]:
        """Differences by node and script."""
        return await self._api.get(PATH, Paged[Drift], {**question, "cursor": cursor, "limit": limit})

    async def settle(self, node_id: str, script_id: str, how: Literal["adopt", "overwrite"]) -> Drift:
        """Desire what the node has, or bring back what it should have."""
        return await self._api.post(below(PATH, node_id, script_id, how), Drift)
