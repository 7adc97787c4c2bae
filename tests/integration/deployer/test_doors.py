"""Anything at all at the deployer's doors, on a real broker and a real database."""

import asyncio

from services.deployer.api.script_source import EXAMPLE
from tests.integration.deployer.running import TOKEN, Agent, Deployer, settings
from tests.support.doors import Doors


async def test_no_request_is_answered_with_what_the_document_does_not_have(database_url: str, amqp_url: str) -> None:
    """A client would meet a fault of the deployer, or a refusal that its author could not have known of."""
    async with Deployer(settings(database_url, amqp_url)).up() as deployer, Agent(amqp_url, "node-a").up():
        await deployer.knows("node-a")
        await deployer.push(EXAMPLE)
        known = {
            "script_id": "greeter",
            "version": "1",
            "deployment_id": await deployer.deploy("greeter", selector="all"),
        }
        known |= {"letter_id": "dl_" + "0" * 32, "content_hash": "sha256:" + "0" * 64, "server_id": "tokyo-1"}
        document = (await deployer.http.get("/openapi.json")).json()
        doors = Doors(str(deployer.http.base_url).rstrip("/"), TOKEN, document, known)
        await asyncio.to_thread(doors.try_all)
