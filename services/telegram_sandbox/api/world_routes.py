"""Admin routes about the world: users, chats, members, messages, the seed and the audience."""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import APIRouter, Query

from services.telegram_sandbox.api.bodies import (
    ChatRow,
    Members,
    MessageRow,
    NewChat,
    NewMessage,
    NewPrivateMessage,
    NewUser,
    ProgrammeBody,
    ReadySessionRow,
    UserRow,
)
from services.telegram_sandbox.api.refusals import REFUSALS
from services.telegram_sandbox.jobs.audience import Audience, Programme
from services.telegram_sandbox.seeding import Seeding
from services.telegram_sandbox.sessions import ReadySession
from services.telegram_sandbox.stage import Stage
from services.telegram_sandbox.world.models import Message, Room, User
from services.telegram_sandbox.world.seed import WorldSeed
from services.telegram_sandbox.world.world import World
from shared.http.paging import Limit

After = Annotated[int, Query(ge=0, description="only messages with a larger id")]


@dataclass(frozen=True, slots=True)
class WorldDesk:
    """What these routes work with."""

    stage: Stage
    seeding: Seeding
    audience: Audience


def world_router(desk: WorldDesk) -> APIRouter:
    """The router; every path is under /api/v1."""
    router = APIRouter(prefix="/api/v1", tags=["world"], responses=REFUSALS)
    _add_people(router, desk)
    _add_chats(router, desk)
    _add_messages(router, desk)
    _add_programme(router, desk)
    return router


def _add_people(router: APIRouter, desk: WorldDesk) -> None:
    @router.post("/users", status_code=201, summary="Add a user")
    async def add_user(body: NewUser) -> UserRow:
        """A user, a guest or a bot; a bot gets a token."""
        return user_row(desk.stage.add_user(body.first_name, body.username, body.phone, body.bot))

    @router.get("/users", summary="List users")
    async def list_users() -> list[UserRow]:
        """Everybody, in the order in which they came."""
        return [user_row(user) for user in desk.stage.world.users.values()]

    @router.post("/world", summary="Apply a world")
    async def apply_seed(body: WorldSeed) -> list[ReadySessionRow]:
        """Make what is missing; gives the seed's accounts with their sessions."""
        return [session_row(user, ready) for user, ready in desk.seeding.apply(body)]


def _add_chats(router: APIRouter, desk: WorldDesk) -> None:
    world = desk.stage.world

    @router.post("/chats", status_code=201, summary="Add a chat")
    async def add_chat(body: NewChat) -> ChatRow:
        """A group or a supergroup with its members."""
        return chat_row(desk.stage.add_room(body.kind, body.title, body.username, body.members))

    @router.get("/chats", summary="List chats")
    async def list_chats() -> list[ChatRow]:
        """Every group and supergroup."""
        return [chat_row(room) for room in world.rooms.values() if room.kind != "private"]

    @router.get("/chats/{chat}", summary="Read a chat")
    async def read_chat(chat: str) -> ChatRow:
        """A chat by its id, username or title."""
        return chat_row(desk.seeding.find_room(chat))

    @router.post("/chats/{chat}/members", summary="Add members to a chat")
    async def add_members(chat: str, body: Members) -> ChatRow:
        """Users join the chat; who is in it already stays."""
        room = desk.seeding.find_room(chat)
        desk.stage.join(room, [world.user(user_id) for user_id in body.user_ids])
        return chat_row(room)

    @router.delete("/chats/{chat}/members/{user_id}", status_code=204, summary="Remove a member from a chat")
    async def remove_member(chat: str, user_id: int) -> None:
        """The user leaves the chat."""
        desk.stage.leave(desk.seeding.find_room(chat), world.user(user_id))


def _add_messages(router: APIRouter, desk: WorldDesk) -> None:
    world = desk.stage.world

    @router.post("/chats/{chat}/messages", status_code=201, summary="Say something in a chat")
    async def say_in_chat(chat: str, body: NewMessage) -> MessageRow:
        """Speak as a user; a guest needs no client."""
        room = desk.seeding.find_room(chat)
        return _row(world, desk.stage.say(room, world.user(body.user_id), body.text, body.reply_to))

    @router.get("/chats/{chat}/messages", summary="List the messages of a chat")
    async def list_messages(chat: str, after: After = 0, limit: Limit = 100) -> list[MessageRow]:
        """Messages with ids above `after`, oldest first; the newest `limit` of them."""
        return _rows(world, desk.seeding.find_room(chat), after, limit)

    @router.post("/private-messages", status_code=201, summary="Say something to one user")
    async def say_privately(body: NewPrivateMessage) -> MessageRow:
        """Speak as a user in the conversation of two."""
        room = world.private_room(body.user_id, body.to)
        return _row(world, desk.stage.say(room, world.user(body.user_id), body.text, body.reply_to))

    @router.get("/private-messages", summary="List the messages of two users")
    async def list_private_messages(one: int, other: int, after: After = 0, limit: Limit = 100) -> list[MessageRow]:
        """The conversation of two users."""
        return _rows(world, world.private_room(one, other), after, limit)


def _add_programme(router: APIRouter, desk: WorldDesk) -> None:
    @router.put("/audience", summary="Set the programme of the audience")
    async def set_programme(body: ProgrammeBody) -> ProgrammeBody:
        """Let the audience speak, or (with an empty chat) fall silent."""
        desk.audience.programme = Programme(**body.model_dump())
        return body

    @router.get("/audience", summary="Read the programme of the audience")
    async def read_programme() -> ProgrammeBody:
        """What the audience does now."""
        return ProgrammeBody(**asdict(desk.audience.programme))


def user_row(user: User) -> UserRow:
    """A user as the API shows it."""
    return UserRow(
        user_id=user.id,
        first_name=user.first_name,
        username=user.username,
        phone=user.phone,
        bot=user.bot,
        token=user.token,
    )


def chat_row(room: Room) -> ChatRow:
    """A chat as the API shows it."""
    assert room.kind != "private", "private rooms are not chats"
    return ChatRow(
        chat_id=room.chat_id,
        kind=room.kind,
        title=room.title,
        username=room.username,
        invite=room.invite,
        members=list(room.members),
    )


def session_row(user: User, ready: ReadySession) -> ReadySessionRow:
    """A ready session as the API shows it."""
    return ReadySessionRow(
        key_id=ready.key_id,
        user_id=user.id,
        username=user.username,
        string_session=ready.string_session,
        session_file=b64encode(ready.session_file).decode(),
    )


def _rows(world: World, room: Room, after: int, limit: int) -> list[MessageRow]:
    newer: Iterable[Message] = (message for message in room.messages.values() if message.id > after)
    return [_row(world, message) for message in list(newer)[-limit:]]


def _row(world: World, message: Message) -> MessageRow:
    sender = world.users.get(message.sender_id)
    return MessageRow(
        message_id=message.id,
        sender_id=message.sender_id,
        sender=sender.username if sender else None,
        date=message.date,
        text=message.text,
        reply_to=message.reply_to,
        action=message.action,
        edited=message.edited,
        reactions=message.reactions,
    )
