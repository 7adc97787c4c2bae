"""Applying a world seed: makes what is missing and gives the ready-made sessions that it asks for.

Called at start and by the admin API. Everything is checked by the world itself; a refusal names what it refused, and
what was made before it stays (applying again goes on from there).
"""

from services.telegram_sandbox.sessions import ReadySession, SessionMint
from services.telegram_sandbox.stage import Stage
from services.telegram_sandbox.world.models import Refusal, Room, User
from services.telegram_sandbox.world.seed import SeedAccounts, SeedChat, SeedUser, WorldSeed

_SEEDED = "seed"


class Seeding:
    """See the module's docstring."""

    def __init__(self, stage: Stage, mint: SessionMint) -> None:
        self._stage, self._mint = stage, mint

    def apply(self, seed: WorldSeed) -> list[tuple[User, ReadySession]]:
        """The accounts with their sessions, in the seed's order. Raises `Refusal`."""
        for user in seed.users:
            self._user(user)
        for chat in seed.chats:
            self._chat(chat)
        holders = [user for accounts in seed.accounts for user in self._accounts(accounts)]
        holders += [self._existing_user(name) for name in seed.sessions]
        unique = {user.id: user for user in holders}.values()
        sessions = [(user, self._mint.seeded(user.id, _SEEDED)) for user in unique]
        self._stage.save()
        return sessions

    def find_room(self, name: str) -> Room:
        """A chat by username, title, or the id that clients show. Raises `Refusal`."""
        world = self._stage.world
        if name.lstrip("-").isdigit():
            return world.room_by_chat_id(int(name))
        for room in world.rooms.values():
            if room.kind != "private" and name.removeprefix("@") in (room.username, room.title):
                return room
        raise Refusal("CHAT_ID_INVALID")

    def _user(self, seed: SeedUser) -> User:
        try:
            return self._existing_user(seed.username)
        except Refusal:
            name = seed.first_name or seed.username
            return self._stage.add_user(name, seed.username, seed.phone, seed.bot)

    def _chat(self, seed: SeedChat) -> Room:
        members = [self._existing_user(name) for name in seed.members]
        try:
            room = self.find_room(seed.username or seed.title)
        except Refusal:
            return self._stage.add_room(seed.kind, seed.title, seed.username, [m.id for m in members])
        self._stage.join(room, members)
        return room

    def _accounts(self, seed: SeedAccounts) -> list[User]:
        numbers = range(seed.first, seed.first + seed.count)
        users = [self._user(SeedUser(username=f"{seed.prefix}_{n}")) for n in numbers]
        for name in seed.chats:
            self._stage.join(self.find_room(name), users)
        return users

    def _existing_user(self, username: str) -> User:
        found = self._stage.world.named(username)
        if not isinstance(found, User):
            raise Refusal("USERNAME_OCCUPIED")
        return found
