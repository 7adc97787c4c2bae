"""What is kept of an account's place in its updates when fetching them fails on the way."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.tl import functions, types

from services.node_agent.domain.telegram import FloodWait, Heard, Refused, ServerTrouble
from services.node_agent.telegram.client import Loggers, PlainClient
from services.node_agent.telegram.hearing import Me
from services.node_agent.telegram.listening import Listening, load_place
from services.node_agent.telegram.sessions import LoginSession, Place
from tests.support.waiting import until

AT = datetime(2026, 1, 1, tzinfo=UTC)
HALL, GUEST = types.PeerChannel(77), types.PeerUser(900)


class Scripted(PlainClient):
    """A client whose server has forgotten the account's place, and falls ill after so many pages of history."""

    def __init__(self, session: LoginSession, healthy_pages: int) -> None:
        super().__init__(session, 1, "hash", 1.0, Loggers(logging.getLogger(__name__)))
        self.healthy_pages = healthy_pages

    async def __call__(self, request: Any, ordered: bool = False, flood_sleep_threshold: Any = None) -> Any:
        match request:
            case functions.updates.GetDifferenceRequest():
                raise Refused("PERSISTENT_TIMESTAMP_INVALID")
            case functions.updates.GetStateRequest():
                return types.updates.State(50, 0, AT, 1, unread_count=0)
            case functions.messages.GetDialogsRequest():
                return dialogs()
            case functions.messages.GetHistoryRequest() if self.healthy_pages > 0:
                self.healthy_pages -= 1
                return types.messages.Messages([], [], [], [])
        raise ServerTrouble("INTERNAL")


def dialogs() -> Any:
    """A channel that the account came to while it was away, and a guest who has written in private."""
    settings = types.PeerNotifySettings()
    found = [types.Dialog(peer, 1, 0, 0, 0, 0, 0, 0, settings, pts=10) for peer in (HALL, GUEST)]
    said = [types.Message(id=1, peer_id=peer, from_id=GUEST, date=AT, message="hello") for peer in (HALL, GUEST)]
    hall = types.Channel(77, "The hall", types.ChatPhotoEmpty(), AT, access_hash=1)
    return types.messages.Dialogs(found, said, [hall], [types.User(900, first_name="Gil", access_hash=2)])


@pytest.mark.parametrize("healthy_pages", [0, 1])
async def test_the_place_is_not_kept_before_every_chat_was_read(healthy_pages: int) -> None:
    """What was said in the chats that were not read would be lost: the next connection would go on behind it."""
    session = LoginSession(Place(2, "127.0.0.1", 1), bytes(range(256)))
    session.set_update_state(0, types.updates.State(5, 0, AT, 1, unread_count=0))
    client, heard = Scripted(session, healthy_pages), list[Heard]()
    assert load_place(client, session)
    listening = Listening("anna", client, session, Me(1), heard.append)
    with pytest.raises(ServerTrouble):
        await listening.run()
    assert client.healthy_pages == 0
    assert not listening.keep()


class Curious(Scripted):
    """A client that has missed two replies in private, and is told to wait when it asks whom they answer."""

    def __init__(self, session: LoginSession) -> None:
        super().__init__(session, 0)
        self.asked = 0

    async def __call__(self, request: Any, ordered: bool = False, flood_sleep_threshold: Any = None) -> Any:
        assert isinstance(request, functions.updates.GetDifferenceRequest)
        header = types.MessageReplyHeader(reply_to_msg_id=1)
        missed = [types.Message(id=n, peer_id=GUEST, date=AT, message="yes", reply_to=header) for n in (2, 3)]
        return types.updates.Difference(missed, [], [], [], [], types.updates.State(7, 0, AT, 1, unread_count=0))

    async def get_messages(self, peer: Any, ids: int) -> Any:
        """Too often."""
        self.asked += 1
        raise FloodWait(300, "FLOOD_WAIT for messages.getMessages")


async def test_nobody_is_asked_who_is_answered_while_telegram_says_wait() -> None:
    """A guest who replies again and again would make the account ask against Telegram's word, until it is limited."""
    session = LoginSession(Place(2, "127.0.0.1", 1), bytes(range(256)))
    session.set_update_state(0, types.updates.State(5, 0, AT, 1, unread_count=0))
    client, heard = Curious(session), list[Heard]()
    assert load_place(client, session)
    listening = asyncio.create_task(Listening("anna", client, session, Me(1), heard.append).run())
    await until(lambda: len(heard) == 2, "both are heard")
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert client.asked == 1
