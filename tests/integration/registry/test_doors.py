"""Anything at all at the registry's doors, on a real broker and a real database."""

import asyncio

from tests.integration.registry.conftest import TOKEN, Running
from tests.support.doors import Doors


async def test_no_request_is_answered_with_what_the_document_does_not_have(registry: Running) -> None:
    """A client would meet a fault of the registry, or a refusal that its author could not have known of."""
    document = (await registry.api.get("/openapi.json")).json()
    doors = Doors(str(registry.api.base_url).rstrip("/"), TOKEN, document, {"node_id": "tokyo-1", "account_id": "a"})
    await asyncio.to_thread(doors.try_all)
