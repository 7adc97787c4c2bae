"""From Telegram's updates to what an account hears: what others wrote, and who joined.

Pure. People and chats come with the update; who is missing there is looked up in `Known`, the login's own memory. The
server marks a message as mentioning the account both when its text does and when it is a reply to the account; where
that leaves open which of the two it is, `question_in` names the message whose author would tell.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from telethon import utils
from telethon.tl import types

from services.node_agent.domain.addressing import without_own_name
from services.node_agent.domain.telegram import Heard, IncomingMessage, Newcomer

_JOINED_BY_HIMSELF = (
    types.MessageActionChatJoinedByLink,
    types.MessageActionChatJoinedByRequest,
    types.MessageActionChatJoinedViaCommunity,
)


@dataclass(frozen=True)
class Me:
    """The account itself; usernames in lower case."""

    user_id: int
    usernames: frozenset[str] = frozenset()


class Known(Protocol):
    """What a login remembers of people and chats, by the id that clients show."""

    def name_of(self, peer_id: int) -> str | None:
        """The name that is shown."""
        ...

    def username_of(self, peer_id: int) -> str | None:
        """The public name."""
        ...


def me_of(user: Any) -> Me:
    """The account of a TL user."""
    return Me(user.id, frozenset(name.lower() for name in _usernames(user)))


def heard_in(update: Any, me: Me, known: Known, is_mine: bool | None = None) -> list[Heard]:
    """What an update lets the account hear. `is_mine` answers `question_in`; None is not known."""
    message = _message_of(update)
    people: Mapping[int, Any] = getattr(update, "_entities", None) or {}
    if isinstance(message, types.Message) and not message.out:
        return [_incoming(message, me, _People(people, known), is_mine)]
    if isinstance(message, types.MessageService):
        return list(_newcomers(message, me, _People(people, known)))
    return []


def question_in(update: Any, me: Me) -> tuple[Any, int] | None:
    """The peer and id of the message whose author decides whether the account was answered; None: it is clear."""
    message = _message_of(update)
    if not isinstance(message, types.Message) or message.out:
        return None
    answered = _answered(message)
    if answered is None or not _in_doubt(message, me):
        return None
    return message.peer_id, answered


def strangers_in(update: Any, known: Known) -> bool:
    """Whether a short update speaks of somebody whom the login does not know: only the difference names him."""
    if not isinstance(update, types.UpdateShortMessage | types.UpdateShortChatMessage):
        return False
    sender = update.user_id if isinstance(update, types.UpdateShortMessage) else update.from_id
    return not update.out and known.name_of(sender) is None


@dataclass(frozen=True)
class _People:
    """Whom an update brought along, and whom the login remembers."""

    brought: Mapping[int, Any]
    known: Known

    def name(self, peer_id: int) -> str:
        found = self.brought.get(peer_id)
        return utils.get_display_name(found) if found is not None else self.known.name_of(peer_id) or ""

    def username(self, peer_id: int) -> str | None:
        found = self.brought.get(peer_id)
        return next(iter(_usernames(found)), None) if found is not None else self.known.username_of(peer_id)


def _message_of(update: Any) -> Any:
    match update:
        case types.UpdateNewMessage() | types.UpdateNewChannelMessage():
            return update.message
        case types.UpdateShortMessage():
            return _written_out(update, types.PeerUser(update.user_id), types.PeerUser(update.user_id))
        case types.UpdateShortChatMessage():
            return _written_out(update, types.PeerChat(update.chat_id), types.PeerUser(update.from_id))
        case _:
            return None


def _written_out(update: Any, peer: Any, sender: Any) -> Any:
    return types.Message(
        id=update.id,
        peer_id=peer,
        from_id=sender,
        message=update.message,
        date=update.date,
        out=update.out,
        mentioned=update.mentioned,
        reply_to=update.reply_to,
        entities=update.entities,
    )


def _incoming(message: Any, me: Me, people: _People, is_mine: bool | None) -> IncomingMessage:
    chat_id = utils.get_peer_id(message.peer_id)
    # In private chats and channels nobody is named: the peer itself has written.
    sender_id = utils.get_peer_id(message.from_id) if message.from_id else chat_id
    answered, named = _answered(message) is not None, _names_me(message, me)
    if not answered:
        answers = False
    elif _in_doubt(message, me):
        # Unasked, a reply in private is more likely one to us, and a message that names us is a reply to another.
        answers = is_mine if is_mine is not None else _is_private(message)
    else:
        answers = bool(message.mentioned)
    return IncomingMessage(
        chat_id=chat_id,
        chat_username=people.username(chat_id),
        private=_is_private(message),
        sender_id=sender_id,
        sender_name=people.name(sender_id),
        text=without_own_name(message.message or "", me.usernames),
        message_id=message.id,
        at=message.date,
        mentions_me=named or (bool(message.mentioned) and not answered),
        answers_me=answers,
    )


def _newcomers(message: Any, me: Me, people: _People) -> Iterator[Newcomer]:
    match message.action:
        case types.MessageActionChatAddUser():
            joined = list(message.action.users)
        case action if isinstance(action, _JOINED_BY_HIMSELF) and isinstance(message.from_id, types.PeerUser):
            joined = [message.from_id.user_id]
        case _:
            return
    chat_id = utils.get_peer_id(message.peer_id)
    for user_id in joined:
        if user_id != me.user_id:
            username, name = people.username(chat_id), people.name(user_id)
            yield Newcomer(chat_id, username, user_id, name, message.id, message.date)


def _answered(message: Any) -> int | None:
    """The id of the message that this one replies to in its own chat."""
    header = message.reply_to
    if not isinstance(header, types.MessageReplyHeader) or header.reply_to_peer_id is not None:
        return None
    # In a forum, every message carries its topic this way; only a further reply has both ids.
    if header.forum_topic and header.reply_to_top_id is None:
        return None
    return int(header.reply_to_msg_id) if header.reply_to_msg_id else None


def _in_doubt(message: Any, me: Me) -> bool:
    """Whether a reply's mark does not tell whom it answers: private chats have none, a name explains it too."""
    return _is_private(message) or (bool(message.mentioned) and _names_me(message, me))


def _names_me(message: Any, me: Me) -> bool:
    for entity in message.entities or ():
        if isinstance(entity, types.MessageEntityMentionName) and entity.user_id == me.user_id:
            return True
        if isinstance(entity, types.MessageEntityMention):
            # Offsets count UTF-16 units.
            text = message.message.encode("utf-16-le")[2 * entity.offset : 2 * (entity.offset + entity.length)]
            if text.decode("utf-16-le", "replace").removeprefix("@").lower() in me.usernames:
                return True
    return False


def _is_private(message: Any) -> bool:
    return isinstance(message.peer_id, types.PeerUser)


def _usernames(entity: Any) -> list[str]:
    several = [each.username for each in getattr(entity, "usernames", None) or () if each.active]
    one = getattr(entity, "username", None)
    return [one, *several] if one else several
