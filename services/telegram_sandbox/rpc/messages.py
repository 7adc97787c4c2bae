"""messages.*: saying, editing, deleting and reacting, in rooms of every kind.

Each handler changes the world, tells the other sessions through the fan-out and answers its caller with the
updates that the change made for them. A random id that was used before is refused as Telegram refuses it, so
a client that repeats a call after a lost answer does not speak twice.
"""

from typing import Any

from services.telegram_sandbox.mtproto.tl import functions, types
from services.telegram_sandbox.rpc.call import Call, Routes
from services.telegram_sandbox.rpc.entities import entities_of
from services.telegram_sandbox.rpc.peers import room_of
from services.telegram_sandbox.world.models import ROOM, Message, Room
from services.telegram_sandbox.world.world import Speech


def routes() -> Routes:
    """Which handler answers which method."""
    return {
        functions.messages.SendMessageRequest: _send_message,
        functions.messages.EditMessageRequest: _edit_message,
        functions.messages.DeleteMessagesRequest: _delete_messages,
        functions.channels.DeleteMessagesRequest: _delete_channel_messages,
        functions.messages.SendReactionRequest: _send_reaction,
        functions.messages.SetTypingRequest: _set_typing,
        functions.messages.ReadHistoryRequest: _read_history,
        functions.channels.ReadHistoryRequest: _read_channel_history,
    }


def _send_message(call: Call, request: Any) -> Any:
    room = room_of(call, request.peer)
    reply_to = getattr(request.reply_to, "reply_to_msg_id", None)
    entities = entities_of(request.message, request.entities)
    speech = Speech(request.message, reply_to, entities, request.random_id)
    message = call.world.say(room, call.viewer, speech, call.now)
    call.delivery.posted(room, message, besides=call.connection)
    number = types.UpdateMessageID(id=message.id, random_id=request.random_id)
    update = call.delivery.new_message_update(room, message, call.viewer.id, _pts(call, room, message))
    return call.delivery.updates([number, update], room, [message], call.viewer.id)


def _edit_message(call: Call, request: Any) -> Any:
    room = room_of(call, request.peer)
    message = call.world.edit(room, call.viewer, request.id, request.message or "", call.now)
    call.delivery.edited(room, message, besides=call.connection)
    update = call.delivery.edit_update(room, message, call.viewer.id, _pts(call, room, message))
    return call.delivery.updates([update], room, [message], call.viewer.id)


def _delete_messages(call: Call, request: Any) -> Any:
    count = 0
    for room in call.world.rooms_of(call.viewer.id):
        if room.kind != "supergroup":
            count += _delete(call, room, request.id)
    return types.messages.AffectedMessages(pts=call.viewer.pts, pts_count=count)


def _delete_channel_messages(call: Call, request: Any) -> Any:
    room = room_of(call, request.channel)
    count = _delete(call, room, request.id)
    return types.messages.AffectedMessages(pts=room.pts, pts_count=count)


def _send_reaction(call: Call, request: Any) -> Any:
    room = room_of(call, request.peer)
    call.world.require_member(room, call.viewer)
    emoji = next((r.emoticon for r in request.reaction or [] if isinstance(r, types.ReactionEmoji)), None)
    message = call.world.react(room, call.viewer, request.msg_id, emoji)
    call.delivery.reacted(room, message)
    return call.delivery.updates([], room, [message], call.viewer.id)


def _set_typing(call: Call, request: Any) -> bool:
    room_of(call, request.peer)
    return True


def _read_history(call: Call, request: Any) -> Any:
    room_of(call, request.peer)
    return types.messages.AffectedMessages(pts=call.viewer.pts, pts_count=0)


def _read_channel_history(call: Call, request: Any) -> bool:
    room_of(call, request.channel)
    return True


def _delete(call: Call, room: Room, message_ids: list[int]) -> int:
    gone = call.world.delete(room, call.viewer, message_ids)
    for message in gone:
        call.delivery.deleted(room, message, besides=call.connection)
    return len(gone)


def _pts(call: Call, room: Room, message: Message) -> int:
    owner = ROOM if room.kind == "supergroup" else call.viewer.id
    return message.changes[owner]
