"""updates.*: where an account stands, and what it has missed.

`getDifference` covers private rooms and groups, and names every supergroup in which something happened since the
client's date (updateChannelTooLong): the client then asks for each of them by itself.
"""

from typing import Any

from services.telegram_sandbox.mtproto.tl import functions, make, types
from services.telegram_sandbox.rpc import render
from services.telegram_sandbox.rpc.call import Call, Routes
from services.telegram_sandbox.rpc.peers import room_of
from services.telegram_sandbox.world.difference import Change, TooLong, account_difference, room_difference

_SLICE = 100
_MAX_CHANNEL_SLICE = 1000


def routes() -> Routes:
    """Which handler answers which method."""
    return {
        functions.updates.GetStateRequest: _get_state,
        functions.updates.GetDifferenceRequest: _get_difference,
        functions.updates.GetChannelDifferenceRequest: _get_channel_difference,
    }


def _get_state(call: Call, request: Any) -> Any:
    return _state(call, call.viewer.pts)


def _get_difference(call: Call, request: Any) -> Any:
    viewer = call.viewer
    difference = account_difference(call.world, viewer, request.pts, _SLICE)
    if isinstance(difference, TooLong):
        return types.updates.DifferenceTooLong(pts=difference.pts)
    since = int(request.date.timestamp()) if request.date else 0
    rooms = [room for room in call.world.rooms_of(viewer.id) if room.kind == "supergroup"]
    behind = [room for room in rooms if room.newest and room.newest.date >= since]
    if not difference.changes and not behind:
        return types.updates.DifferenceEmpty(date=render.moment(call.now), seq=0)
    told = _told(call, difference.changes)
    told["chats"] += render.rooms_view(behind, viewer.id)
    told["other_updates"] += [types.UpdateChannelTooLong(channel_id=room.id, pts=room.pts) for room in behind]
    state = _state(call, difference.pts)
    if difference.final:
        return types.updates.Difference(new_encrypted_messages=[], state=state, **told)
    return types.updates.DifferenceSlice(new_encrypted_messages=[], intermediate_state=state, **told)


def _get_channel_difference(call: Call, request: Any) -> Any:
    room = room_of(call, request.channel)
    call.world.require_member(room, call.viewer)
    limit = max(1, min(request.limit, _MAX_CHANNEL_SLICE))
    difference = room_difference(room, request.pts, limit)
    if isinstance(difference, TooLong):
        return _channel_too_long(call, room)
    if not difference.changes:
        return types.updates.ChannelDifferenceEmpty(pts=difference.pts, final=True)
    told = _told(call, difference.changes)
    return types.updates.ChannelDifference(pts=difference.pts, final=difference.final or None, **told)


def _told(call: Call, changes: list[Change]) -> dict[str, list[Any]]:
    """The four lists that both kinds of difference have."""
    viewer_id = call.viewer.id
    rooms = {change.room.key: change.room for change in changes}.values()
    people = {i for change in changes for i in render.people_of(change.room, [change.message])}
    return {
        "new_messages": [render.message_view(c.room, c.message, viewer_id) for c in changes if c.is_new],
        "other_updates": [
            call.delivery.edit_update(c.room, c.message, viewer_id, c.pts) for c in changes if not c.is_new
        ],
        "chats": render.rooms_view(rooms, viewer_id),
        "users": render.users_view(call.world, people, viewer_id),
    }


def _channel_too_long(call: Call, room: Any) -> Any:
    viewer_id = call.viewer.id
    newest = [room.newest] if room.newest else []
    return types.updates.ChannelDifferenceTooLong(
        dialog=render.dialog_view(room, viewer_id),
        messages=[render.message_view(room, message, viewer_id) for message in newest],
        chats=render.rooms_view([room], viewer_id),
        users=render.users_view(call.world, render.people_of(room, newest), viewer_id),
        final=True,
    )


def _state(call: Call, pts: int) -> Any:
    return make(types.updates.State, pts=pts, date=render.moment(call.now))
