"""Hears an account's updates: every one once, in order, none lost when the connection ends.

Telethon's message box knows the account's place in each sequence of updates; this asks for what is missing and hands on
what is new. Taking a place in a sequence and handing the message on are one step that nothing can interrupt (but for a
reply whose author has to be asked for: then nothing is kept until that is handed on too). So the place that `keep`
writes into the session is never past a message that was not handed on, whenever the connection is cut. What the server
cannot list any more, because too much happened, is read from the chats themselves as far as it is recent.

Runs until it is cancelled; ends with TelegramTrouble when there is no going on over this connection.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from telethon import utils
from telethon._updates import ChannelState, Entity, EntityType, GapError, PrematureEndReason, SessionState
from telethon._updates.messagebox import ENTRY_ACCOUNT
from telethon.tl import functions, types

from services.node_agent.domain.telegram import (
    ChatForbidden,
    FloodWait,
    OnMessage,
    Refused,
    ServerTrouble,
    TelegramTrouble,
)
from services.node_agent.telegram.hearing import Me, heard_in, question_in, strangers_in
from services.node_agent.telegram.sessions import MOST_KNOWN, LoginSession
from services.node_agent.telegram.troubles import in_our_words

log = structlog.get_logger(__name__)

CALL_SECONDS = 15.0
# Nobody waits for an answer much longer than it takes to ask who is answered.
ASK_SECONDS = 5.0
# A server that has troubles of its own is asked again after this.
AGAIN_SECONDS = 5.0
# More missed updates than this are not listed one by one: an account that slept for a month would load for hours.
MOST_MISSED = 5000
# What is read from the chats themselves instead: a little more than the agent still answers, and no endless history.
LOOK_BACK = timedelta(minutes=10)
NEVER = datetime.fromtimestamp(0, UTC)
PAGE = 100
MOST_PAGES = 5
MOST_CHATS = 100


class Listening:
    """See the module's docstring. `client` is connected, its message box loaded from `session`."""

    def __init__(self, account_id: str, client: Any, session: LoginSession, me: Me, on_message: OnMessage) -> None:
        self._account_id = account_id
        self._client = client
        self._session = session
        self._me = me
        self._on_message = on_message
        self._box = client._message_box
        self._people = client._mb_entity_cache
        self._queue: asyncio.Queue[Any] = client._updates_queue
        # What was taken and is not handed on yet, and whether something could not be fetched that counts as taken.
        self._in_hand = 0
        self._incomplete = False
        # The date up to which every channel's news were fetched, and the channels of which they still have to be: the
        # server lists only channels with news since the date that it is given.
        self._settled: datetime = self._box.date
        self._owing: set[int] = set()
        # Telegram was asked too often who is answered: until then nobody is asked.
        self._no_questions_before = 0.0

    async def run(self) -> None:
        """Catch up, then listen."""
        self._box.try_begin_get_diff(ENTRY_ACCOUNT, "connected")
        while True:
            if (request := self._box.get_difference()) is not None:
                await self._fetch_difference(request)
            elif (request := self._box.get_channel_difference(self._people)) is not None:
                await self._fetch_channel_difference(request)
            else:
                if not self._owing and not self._box.possible_gaps:
                    self._settled = self._box.date
                await self._take_next()

    def keep(self) -> bool:
        """Write the account's place in its updates into the session; False while something is not handed on yet."""
        if self._in_hand or self._incomplete or self._box.is_empty():
            return False
        account, channels = self._box.session_state()
        account["date"] = self._settled
        self._session.set_update_state(0, types.updates.State(**account, unread_count=0))
        for channel_id, pts in channels.items():
            state = types.updates.State(pts, 0, self._settled, 0, unread_count=0)
            self._session.set_update_state(channel_id, state)
        return True

    async def _take_next(self) -> None:
        delay = self._box.check_deadlines() - asyncio.get_running_loop().time()
        if delay <= 0:
            return
        try:
            async with asyncio.timeout(delay):
                updates = await self._queue.get()
        except TimeoutError:
            return
        if strangers_in(updates, self._session):
            self._box.try_begin_get_diff(ENTRY_ACCOUNT, "who has written is not known")
            return
        found: list[Any] = []
        with contextlib.suppress(GapError):
            users, chats = self._box.process_updates(updates, self._people, found)
            await self._hand_on(found, users, chats)

    async def _fetch_difference(self, request: Any) -> None:
        request.pts_total_limit = MOST_MISSED
        try:
            missed = await self._asked(request)
        except ServerTrouble as trouble:
            self._box.end_difference()
            self._again_soon([ENTRY_ACCOUNT], trouble)
            return
        except Refused as trouble:
            log.warning("place_in_updates_lost", account=self._account_id, reason=str(trouble))
            self._box.set_state(await self._asked(functions.updates.GetStateRequest()), reset=False)
            self._box.end_difference()
            await self._read_chats()
            return
        await self._hand_on(*self._box.apply_difference(missed, self._people))
        if isinstance(missed, types.updates.DifferenceTooLong):
            await self._read_chats()
        for update in getattr(missed, "other_updates", ()):
            if isinstance(update, types.UpdateChannelTooLong):
                await self._begin_channel(update.channel_id, update.pts)

    async def _fetch_channel_difference(self, request: Any) -> None:
        channel_id = request.channel.channel_id
        try:
            missed = await self._asked(request)
        except ChatForbidden:
            self._box.end_channel_difference(request, PrematureEndReason.BANNED, self._people)
            self._session.forget_channel_state(channel_id)
            self._owing.discard(channel_id)
            return
        except (ServerTrouble, Refused) as trouble:
            self._box.end_channel_difference(request, PrematureEndReason.TEMPORARY_SERVER_ISSUES, self._people)
            if isinstance(trouble, ServerTrouble):
                self._owing.add(channel_id)
                self._again_soon([channel_id], trouble)
            return
        self._owing.discard(channel_id)
        with self._catching_up():
            await self._hand_on(*self._box.apply_channel_difference(request, missed, self._people))
            if isinstance(missed, types.updates.ChannelDifferenceTooLong):
                await self._read_chat(types.InputPeerChannel(channel_id, request.channel.access_hash))

    async def _begin_channel(self, channel_id: int, pts: int | None) -> None:
        """A channel that the account came to while it was away: its news begin now, and what is recent is read."""
        channel = self._people.get(channel_id)
        if channel_id in self._box.map or channel is None or pts is None:
            return
        with self._catching_up():
            self._box.try_set_channel_state(channel_id, pts)
            await self._read_chat(types.InputPeerChannel(channel_id, channel.hash))

    async def _read_chats(self) -> None:
        """Nobody lists what was missed: read what is recent in every chat, and ask every channel for its news."""
        with self._catching_up():
            for entry in self._box.map:
                if isinstance(entry, int):
                    self._box.try_begin_get_diff(entry, "nobody says which channels have news")
            request = functions.messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), MOST_CHATS, 0)
            dialogs = await self._asked(request)
            self._people.extend(dialogs.users, dialogs.chats)
            newest = {utils.get_peer_id(message.peer_id): message.date for message in dialogs.messages}
            for dialog in dialogs.dialogs:
                if isinstance(dialog.peer, types.PeerChannel):
                    await self._begin_channel(dialog.peer.channel_id, dialog.pts)
                elif newest.get(utils.get_peer_id(dialog.peer), NEVER) > max(newest.values()) - LOOK_BACK:
                    await self._read_chat(await self._client.get_input_entity(dialog.peer))

    async def _read_chat(self, peer: Any) -> None:
        found: list[Any] = []
        users: dict[int, Any] = {}
        chats: dict[int, Any] = {}
        with contextlib.suppress(ChatForbidden, Refused):
            async for page in self._pages(peer):
                since = (found or page.messages)[0].date - LOOK_BACK
                recent = [message for message in page.messages if message.date and message.date >= since]
                found += recent
                users |= {user.id: user for user in page.users}
                chats |= {chat.id: chat for chat in page.chats}
                if len(recent) < len(page.messages):
                    break
        log.info("chat_read_instead", account=self._account_id, messages=len(found))
        updates = [types.UpdateNewMessage(message, 0, 0) for message in reversed(found)]
        await self._hand_on(updates, users.values(), chats.values())

    async def _pages(self, peer: Any) -> AsyncIterator[Any]:
        """A chat's history, newest first, a page at a time."""
        before = 0
        for _ in range(MOST_PAGES):
            request = functions.messages.GetHistoryRequest(peer, before, None, 0, PAGE, 0, 0, 0)
            page = await self._asked(request)
            if not page.messages:
                return
            yield page
            before = page.messages[-1].id

    async def _hand_on(self, updates: Iterable[Any], users: Iterable[Any], chats: Iterable[Any]) -> None:
        """Hand on what the updates let the account hear; all of it, even when this is cancelled on the way."""
        brought = self._known_from(users, chats)
        waiting = deque(updates)
        try:
            while waiting:
                self._in_hand = len(waiting)
                waiting[0]._entities = brought
                is_mine = await self._is_mine(waiting[0])
                self._hear(waiting.popleft(), is_mine)
        finally:
            for update in waiting:
                update._entities = brought
                self._hear(update, None)
            self._in_hand = 0

    def _known_from(self, users: Iterable[Any], chats: Iterable[Any]) -> dict[int, Any]:
        people, rooms = list(users), list(chats)
        self._people.extend(people, rooms)
        if len(self._people) > MOST_KNOWN:
            self._people.retain(lambda peer_id: peer_id == self._me.user_id or peer_id in self._box.map)
        self._session.process_entities(types.contacts.ResolvedPeer(None, rooms, people))
        return {utils.get_peer_id(entity): entity for entity in [*people, *rooms]}

    def _hear(self, update: Any, is_mine: bool | None) -> None:
        for heard in heard_in(update, self._me, self._session, is_mine):
            try:
                self._on_message(heard)
            except Exception:
                # A mistake of ours about one message: the next ones are heard all the same.
                log.exception("hearing_failed", account=self._account_id, message=heard.message_id)

    async def _is_mine(self, update: Any) -> bool | None:
        """Who wrote the message that an update replies to, where only asking tells; None when nobody says in time."""
        question = question_in(update, self._me)
        if question is None:
            return None
        peer, message_id = question
        loop = asyncio.get_running_loop()
        if loop.time() < self._no_questions_before:
            return None
        try:
            async with in_our_words(ASK_SECONDS):
                message = await self._client.get_messages(peer, ids=message_id)
        except TelegramTrouble as trouble:
            if isinstance(trouble, FloodWait):
                self._no_questions_before = loop.time() + trouble.seconds
            log.info("reply_not_looked_up", account=self._account_id, reason=str(trouble))
            return None
        return message is not None and bool(message.out)

    async def _asked(self, request: Any) -> Any:
        async with in_our_words(CALL_SECONDS):
            return await self._client(request)

    def _again_soon(self, entries: list[Any], trouble: TelegramTrouble) -> None:
        log.info("missed_updates_not_fetched", account=self._account_id, reason=str(trouble))
        self._box.reset_deadlines(set(entries), asyncio.get_running_loop().time() + AGAIN_SECONDS)

    @contextlib.contextmanager
    def _catching_up(self) -> Iterator[None]:
        """What fails in here has lost news that count as taken: the place is not kept, and all is fetched again."""
        within, self._incomplete = self._incomplete, True
        yield
        # What reads all chats is not done when it has read one of them.
        self._incomplete = within


def load_place(client: Any, session: LoginSession) -> bool:
    """Let a client that is not connected yet go on where the session has kept it; False for one never heard on."""
    states = dict(session.get_update_states())
    account = states.pop(0, None)
    if account is None or not account.pts:
        return False
    since = int(account.date.timestamp())
    client._message_box.load(
        SessionState(0, 0, False, account.pts, account.qts, since, account.seq, None),
        [ChannelState(channel_id, state.pts) for channel_id, state in states.items()],
    )
    for channel_id in states:
        known = session.get_entity_rows_by_id(utils.get_peer_id(types.PeerChannel(channel_id)))
        if known is not None:
            client._mb_entity_cache.put(Entity(EntityType.CHANNEL, channel_id, known[1]))
    return True
