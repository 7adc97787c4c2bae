"""messages.* that read: history, search, single messages and dialogs.

Everything is answered from the bounded histories of the world. A supergroup's answers carry its `pts`, from which
clients start to follow it.
"""

from collections.abc import Iterable
from typing import Any

from services.telegram_sandbox.mtproto.tl import functions, make, types
from services.telegram_sandbox.rpc import render
from services.telegram_sandbox.rpc.call import Call, Routes
from services.telegram_sandbox.rpc.peers import joined_room, room_of, user_of
from services.telegram_sandbox.world.models import Message, Room

_MAX_PAGE = 100


def routes() -> Routes:
    """Which handler answers which method."""
    return {
        functions.messages.GetHistoryRequest: _get_history,
        functions.messages.SearchRequest: _search,
        functions.messages.GetMessagesRequest: _get_messages,
        functions.channels.GetMessagesRequest: _get_channel_messages,
        functions.messages.GetDialogsRequest: _get_dialogs,
        functions.messages.GetPinnedDialogsRequest: _get_pinned_dialogs,
        functions.messages.GetPeerDialogsRequest: _get_peer_dialogs,
    }


def _get_history(call: Call, request: Any) -> Any:
    room = joined_room(call, request.peer)
    return _page(call, room, list(room.messages.values()), request)


def _search(call: Call, request: Any) -> Any:
    room = joined_room(call, request.peer)
    sender = user_of(call, request.from_id).id if request.from_id else None
    wanted = request.q.casefold()
    held = [
        message
        for message in room.messages.values()
        if wanted in message.text.casefold() and sender in (None, message.sender_id)
    ]
    return _page(call, room, held, request)


def _get_messages(call: Call, request: Any) -> Any:
    """By id, over all private rooms and groups of the caller."""
    rooms = [room for room in call.world.rooms_of(call.viewer.id) if room.kind != "supergroup"]
    wanted = {wanted.id for wanted in request.id if isinstance(wanted, types.InputMessageID)}
    found = [(room, room.messages[i]) for room in rooms for i in wanted & room.messages.keys()]
    known = {message.id for _, message in found}
    views = [render.message_view(room, message, call.viewer.id) for room, message in found]
    views += [make(types.MessageEmpty, id=i) for i in sorted(wanted - known)]
    people = {i for room, message in found for i in render.people_of(room, [message])}
    return make(
        types.messages.Messages,
        messages=views,
        chats=render.rooms_view({room.key: room for room, _ in found}.values(), call.viewer.id),
        users=render.users_view(call.world, people, call.viewer.id),
    )


def _get_channel_messages(call: Call, request: Any) -> Any:
    room = joined_room(call, request.channel)
    wanted = [w.id for w in request.id if isinstance(w, types.InputMessageID)]
    found = [room.messages[i] for i in wanted if i in room.messages]
    answer = _messages(call, room, found, len(found))
    answer.messages += [make(types.MessageEmpty, id=i) for i in wanted if i not in room.messages]
    return answer


def _get_dialogs(call: Call, request: Any) -> Any:
    rooms = [room for room in call.world.rooms_of(call.viewer.id) if room.newest or room.kind != "private"]
    return types.messages.Dialogs(**_dialogs(call, rooms))


def _get_pinned_dialogs(call: Call, request: Any) -> Any:
    return make(types.messages.PeerDialogs, state=_state(call))


def _get_peer_dialogs(call: Call, request: Any) -> Any:
    peers = [wanted.peer for wanted in request.peers if isinstance(wanted, types.InputDialogPeer)]
    rooms = [room_of(call, peer) for peer in peers]
    return types.messages.PeerDialogs(state=_state(call), **_dialogs(call, rooms))


def _page(call: Call, room: Room, held: list[Message], request: Any) -> Any:
    """Newest first from `offset_id`, within `min_id` and `max_id`, moved by `add_offset`."""
    newest_first = sorted(held, key=lambda message: message.id, reverse=True)
    if request.max_id:
        newest_first = [m for m in newest_first if m.id < request.max_id]
    if request.min_id:
        newest_first = [m for m in newest_first if m.id > request.min_id]
    start = 0
    if request.offset_id:
        start = sum(1 for m in newest_first if m.id >= request.offset_id)
    start += request.add_offset
    limit = max(0, min(request.limit, _MAX_PAGE))
    return _messages(call, room, newest_first[max(0, start) : max(0, start + limit)], len(held))


def _messages(call: Call, room: Room, messages: list[Message], count: int) -> Any:
    viewer_id = call.viewer.id
    told = {
        "messages": [render.message_view(room, message, viewer_id) for message in messages],
        "chats": render.rooms_view([room], viewer_id),
        "users": render.users_view(call.world, render.people_of(room, messages), viewer_id),
        "count": count,
    }
    if room.kind == "supergroup":
        return make(types.messages.ChannelMessages, pts=room.pts, **told)
    return make(types.messages.MessagesSlice, **told)


def _dialogs(call: Call, rooms: Iterable[Room]) -> dict[str, list[Any]]:
    viewer_id = call.viewer.id
    listed = list(rooms)
    tops = [(room, room.newest) for room in listed if room.newest]
    people = {i for room in listed for i in render.people_of(room, [room.newest] if room.newest else [])}
    return {
        "dialogs": [render.dialog_view(room, viewer_id) for room in listed],
        "messages": [render.message_view(room, message, viewer_id) for room, message in tops],
        "chats": render.rooms_view(listed, viewer_id),
        "users": render.users_view(call.world, people, viewer_id),
    }


def _state(call: Call) -> Any:
    return make(types.updates.State, pts=call.viewer.pts, date=render.moment(call.now))
