"""users.*, contacts.* and account.*: who is who."""

from typing import Any

from services.telegram_sandbox.mtproto.tl import functions, make, types
from services.telegram_sandbox.rpc.call import Call, Routes
from services.telegram_sandbox.rpc.peers import user_of
from services.telegram_sandbox.rpc.render import room_view, user_view
from services.telegram_sandbox.world.models import Refusal, User


def routes() -> Routes:
    """Which handler answers which method."""
    return {
        functions.users.GetUsersRequest: _get_users,
        functions.users.GetFullUserRequest: _get_full_user,
        functions.contacts.ResolveUsernameRequest: _resolve_username,
        functions.contacts.GetContactsRequest: _get_contacts,
        functions.account.UpdateStatusRequest: _update_status,
    }


def _get_users(call: Call, request: Any) -> list[Any]:
    return [_user_or_empty(call, wanted) for wanted in request.id]


def _get_full_user(call: Call, request: Any) -> Any:
    user = user_of(call, request.id)
    full = make(types.UserFull, id=user.id)
    return types.users.UserFull(full_user=full, chats=[], users=[user_view(user, call.viewer.id)])


def _resolve_username(call: Call, request: Any) -> Any:
    found = call.world.named(request.username)
    viewer_id = call.viewer.id
    if isinstance(found, User):
        seen = [user_view(found, viewer_id)]
        return types.contacts.ResolvedPeer(peer=types.PeerUser(found.id), chats=[], users=seen)
    peer = types.PeerChannel(found.id) if found.kind == "supergroup" else types.PeerChat(found.id)
    return types.contacts.ResolvedPeer(peer=peer, chats=[room_view(found, viewer_id)], users=[])


def _get_contacts(call: Call, request: Any) -> Any:
    return make(types.contacts.Contacts)


def _update_status(call: Call, request: Any) -> bool:
    return True


def _user_or_empty(call: Call, wanted: Any) -> Any:
    try:
        return user_view(user_of(call, wanted), call.viewer.id)
    except Refusal:
        return types.UserEmpty(id=getattr(wanted, "user_id", 0))
