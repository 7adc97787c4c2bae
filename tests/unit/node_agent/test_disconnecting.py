"""The end of a connection of Telethon's, however often whoever ends it is cancelled meanwhile."""

import asyncio

import pytest

from services.node_agent.domain.accounts import SessionFile
from services.node_agent.store.session_files import InMemorySessions
from services.node_agent.telegram.sessions import LoginSession, Place
from services.node_agent.telegram.telethon_client import TelethonConnection


class Client:
    """A client whose end takes a while."""

    def __init__(self) -> None:
        self.connected = True
        self.closing = asyncio.Event()
        self.may_close = asyncio.Event()

    async def disconnect(self) -> None:
        """End, when it may."""
        self.closing.set()
        await self.may_close.wait()
        self.connected = False


async def listening() -> None:
    """Somebody who still hands on what was heard when he is cancelled."""
    try:
        await asyncio.Event().wait()
    finally:
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.mark.parametrize("ticks", range(1, 8))
async def test_nobody_is_connected_any_more_when_a_cancelled_end_has_ended(ticks: int) -> None:
    """The deadman and the registry go by it: the login would be live here, in nobody's hands, and on the next node."""
    client, session = Client(), LoginSession(Place(2, "127.0.0.1", 443), b"")
    connection = TelethonConnection("anna", client, session, InMemorySessions("anna"), SessionFile("anna.session", "1"))
    connection._listener = asyncio.create_task(listening())
    await asyncio.sleep(0)
    ending = asyncio.create_task(connection.disconnect())
    for _ in range(ticks):
        await asyncio.sleep(0)
    ending.cancel()
    async with asyncio.timeout(5):
        await client.closing.wait()
    ending.cancel()
    await asyncio.sleep(0)
    assert not ending.done()
    client.may_close.set()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert not client.connected
    await connection.disconnect()
