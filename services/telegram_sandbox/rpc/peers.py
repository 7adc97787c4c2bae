"""Telegram's input peers, resolved to users and rooms.

A client proves that it has met a peer with its access hash; a wrong one is refused as Telegram does. Bots may
give zero.
"""

from typing import Any

from services.telegram_sandbox.mtproto.tl import types
from services.telegram_sandbox.rpc.call import Call
from services.telegram_sandbox.world.models import Refusal, Room, User

_SELF = (types.InputPeerSelf, types.InputUserSelf)
_USERS = (types.InputPeerUser, types.InputUser)
_CHANNELS = (types.InputPeerChannel, types.InputChannel)


def user_of(call: Call, peer: Any) -> User:
    """Raises `Refusal` PEER_ID_INVALID."""
    if isinstance(peer, _SELF):
        return call.viewer
    if isinstance(peer, _USERS):
        user = call.world.users.get(peer.user_id)
        if user and _trusted(call, peer.access_hash, user.access_hash):
            return user
    raise Refusal("PEER_ID_INVALID")


def room_of(call: Call, peer: Any) -> Room:
    """The room that a peer means, for the caller. Raises `Refusal`."""
    if isinstance(peer, types.InputPeerChat):
        return call.world.room(f"g:{peer.chat_id}")
    if isinstance(peer, _CHANNELS):
        room = call.world.room(f"c:{peer.channel_id}")
        if not _trusted(call, peer.access_hash, room.access_hash):
            raise Refusal("CHANNEL_INVALID")
        return room
    return call.world.private_room(call.viewer.id, user_of(call, peer).id)


def joined_room(call: Call, peer: Any) -> Room:
    """As `room_of`, and the caller must be in it or it must be public. Raises `Refusal`."""
    room = room_of(call, peer)
    if not room.username:
        call.world.require_member(room, call.viewer)
    return room


def _trusted(call: Call, given: int, known: int) -> bool:
    return given == known or (call.viewer.bot and given == 0)
