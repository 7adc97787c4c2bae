"""channels.* and the chat half of messages.*: who is in a group, joining, leaving, inviting."""

from typing import Any

from services.telegram_sandbox.mtproto.connection import Connection
from services.telegram_sandbox.mtproto.tl import functions, make, types
from services.telegram_sandbox.rpc import render
from services.telegram_sandbox.rpc.call import Call, Routes
from services.telegram_sandbox.rpc.peers import joined_room, room_of, user_of
from services.telegram_sandbox.world.models import ROOM, Message, Refusal, Room, User

_MAX_PARTICIPANTS = 200


def routes() -> Routes:
    """Which handler answers which method."""
    return {
        functions.channels.GetChannelsRequest: _get_channels,
        functions.messages.GetChatsRequest: _get_chats,
        functions.channels.GetFullChannelRequest: _get_full_channel,
        functions.messages.GetFullChatRequest: _get_full_chat,
        functions.channels.GetParticipantsRequest: _get_participants,
        functions.channels.GetParticipantRequest: _get_participant,
        functions.channels.JoinChannelRequest: _join_channel,
        functions.channels.LeaveChannelRequest: _leave_channel,
        functions.channels.InviteToChannelRequest: _invite_to_channel,
        functions.messages.AddChatUserRequest: _add_chat_user,
        functions.messages.DeleteChatUserRequest: _delete_chat_user,
        functions.messages.CheckChatInviteRequest: _check_chat_invite,
        functions.messages.ImportChatInviteRequest: _import_chat_invite,
    }


def _get_channels(call: Call, request: Any) -> Any:
    rooms = [room_of(call, channel) for channel in request.id]
    return types.messages.Chats(chats=render.rooms_view(rooms, call.viewer.id))


def _get_chats(call: Call, request: Any) -> Any:
    rooms = [call.world.room(f"g:{chat_id}") for chat_id in request.id]
    for room in rooms:
        call.world.require_member(room, call.viewer)
    return types.messages.Chats(chats=render.rooms_view(rooms, call.viewer.id))


def _get_full_channel(call: Call, request: Any) -> Any:
    room = joined_room(call, request.channel)
    full = make(types.ChannelFull, id=room.id, pts=room.pts, participants_count=len(room.members))
    return types.messages.ChatFull(full_chat=full, chats=render.rooms_view([room], call.viewer.id), users=[])


def _get_full_chat(call: Call, request: Any) -> Any:
    room = call.world.room(f"g:{request.chat_id}")
    call.world.require_member(room, call.viewer)
    participants = types.ChatParticipants(
        chat_id=room.id, participants=[_chat_participant(room, i) for i in room.members], version=1
    )
    return types.messages.ChatFull(
        full_chat=make(types.ChatFull, id=room.id, participants=participants),
        chats=render.rooms_view([room], call.viewer.id),
        users=render.users_view(call.world, room.members, call.viewer.id),
    )


def _get_participants(call: Call, request: Any) -> Any:
    room = joined_room(call, request.channel)
    wanted = getattr(request.filter, "q", "").casefold()
    members = [i for i in room.members if wanted in _spoken_name(call.world.user(i))]
    page = members[request.offset : request.offset + min(request.limit, _MAX_PARTICIPANTS)]
    return make(
        types.channels.ChannelParticipants,
        count=len(members),
        participants=[_channel_participant(room, i, call.viewer.id) for i in page],
        users=render.users_view(call.world, page, call.viewer.id),
    )


def _get_participant(call: Call, request: Any) -> Any:
    room = joined_room(call, request.channel)
    user = user_of(call, request.participant)
    if user.id not in room.members:
        raise Refusal("USER_NOT_PARTICIPANT")
    return types.channels.ChannelParticipant(
        participant=_channel_participant(room, user.id, call.viewer.id),
        chats=[],
        users=[render.user_view(user, call.viewer.id)],
    )


def _join_channel(call: Call, request: Any) -> Any:
    room = room_of(call, request.channel)
    if not room.username:
        call.world.require_member(room, call.viewer)
    return _joined(call, room, call.viewer, inviter=None)


def _leave_channel(call: Call, request: Any) -> Any:
    return _left(call, room_of(call, request.channel), call.viewer)


def _invite_to_channel(call: Call, request: Any) -> Any:
    room = room_of(call, request.channel)
    call.world.require_member(room, call.viewer)
    answers = [_joined(call, room, user_of(call, user), call.viewer) for user in request.users]
    updates = answers[-1] if answers else call.delivery.updates([], room, [], call.viewer.id)
    return make(types.messages.InvitedUsers, updates=updates)


def _add_chat_user(call: Call, request: Any) -> Any:
    room = call.world.room(f"g:{request.chat_id}")
    call.world.require_member(room, call.viewer)
    return make(types.messages.InvitedUsers, updates=_joined(call, room, user_of(call, request.user_id), call.viewer))


def _delete_chat_user(call: Call, request: Any) -> Any:
    room = call.world.room(f"g:{request.chat_id}")
    user = user_of(call, request.user_id)
    if call.viewer.id not in (user.id, room.creator_id):
        raise Refusal("CHAT_ADMIN_REQUIRED")
    return _left(call, room, user)


def _check_chat_invite(call: Call, request: Any) -> Any:
    room = call.world.room_by_invite(request.hash)
    if call.viewer.id in room.members:
        return types.ChatInviteAlready(chat=render.room_view(room, call.viewer.id))
    return make(
        types.ChatInvite,
        title=room.title,
        participants_count=len(room.members),
        megagroup=room.kind == "supergroup" or None,
        channel=room.kind == "supergroup" or None,
    )


def _import_chat_invite(call: Call, request: Any) -> Any:
    room = call.world.room_by_invite(request.hash)
    if call.viewer.id in room.members:
        raise Refusal("USER_ALREADY_PARTICIPANT")
    updates = _joined(call, room, call.viewer, inviter=None)
    result = getattr(types.messages, "ChatInviteJoinResultOk", None)
    # Layers before this constructor answered with the bare updates.
    return make(result, updates=updates) if result else updates


def _joined(call: Call, room: Room, user: User, inviter: User | None) -> Any:
    message = call.world.join(room, user, call.now, inviter)
    if message is None:
        return call.delivery.updates([], room, [], call.viewer.id)
    call.delivery.membership(room, user.id)
    return _told(call, room, message, call.connection)


def _left(call: Call, room: Room, user: User) -> Any:
    message = call.world.leave(room, user, call.now)
    call.delivery.membership(room, user.id)
    return _told(call, room, message, call.connection)


def _told(call: Call, room: Room, message: Message, besides: Connection) -> Any:
    """Fan the service message out and answer the caller with it."""
    call.delivery.posted(room, message, besides=besides)
    owner = ROOM if room.kind == "supergroup" else call.viewer.id
    update = call.delivery.new_message_update(room, message, call.viewer.id, message.changes[owner])
    return call.delivery.updates([update], room, [message], call.viewer.id)


def _spoken_name(user: User) -> str:
    return f"{user.first_name} {user.username or ''}".casefold()


def _chat_participant(room: Room, user_id: int) -> Any:
    if user_id == room.creator_id:
        return types.ChatParticipantCreator(user_id=user_id)
    joined = render.moment(room.members[user_id])
    return types.ChatParticipant(user_id=user_id, inviter_id=room.creator_id, date=joined)


def _channel_participant(room: Room, user_id: int, viewer_id: int) -> Any:
    joined = render.moment(room.members[user_id])
    if user_id == room.creator_id:
        return make(types.ChannelParticipantCreator, user_id=user_id)
    if user_id == viewer_id:
        return make(types.ChannelParticipantSelf, user_id=user_id, inviter_id=room.creator_id, date=joined)
    return make(types.ChannelParticipant, user_id=user_id, date=joined)
