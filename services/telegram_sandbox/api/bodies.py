"""The admin API's request and response bodies. Doors are strict: unknown fields are refused.

The typed client uses the same classes, so the two cannot drift apart.
"""

from base64 import b64decode
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from services.telegram_sandbox.faults import Fault
from services.telegram_sandbox.world.seed import Title, Username
from shared.http.fields import Body

Death = Literal[
    "AUTH_KEY_UNREGISTERED",
    "AUTH_KEY_INVALID",
    "AUTH_KEY_DUPLICATED",
    "SESSION_REVOKED",
    "SESSION_EXPIRED",
    "USER_DEACTIVATED",
    "USER_DEACTIVATED_BAN",
]
"""How a login can be lost."""


class NewUser(Body):
    """A user, a guest or a bot to make."""

    first_name: Annotated[str, Field(min_length=1, max_length=64)]
    username: Username | None = None
    phone: Annotated[str, Field(pattern=r"^\+?\d{5,15}$")] | None = None
    bot: bool = False


class UserRow(BaseModel):
    """A user; `token` is a bot's."""

    user_id: int
    first_name: str
    username: str | None
    phone: str | None
    bot: bool
    token: str | None


class NewChat(Body):
    """A chat to make; the first member is its creator."""

    kind: Literal["group", "supergroup"] = "supergroup"
    title: Title
    username: Username | None = None
    members: list[int] = Field(default_factory=list)


class ChatRow(BaseModel):
    """A chat; `chat_id` is the id that clients show (-100… for supergroups)."""

    chat_id: int
    kind: Literal["group", "supergroup"]
    title: str
    username: str | None
    invite: str
    members: list[int]


class Members(Body):
    """Users to bring into a chat."""

    user_ids: Annotated[list[int], Field(min_length=1, max_length=10_000)]


class NewMessage(Body):
    """Something to say as a user."""

    user_id: int
    text: Annotated[str, Field(min_length=1)]
    reply_to: int | None = None


class NewPrivateMessage(NewMessage):
    """Something to say to one user."""

    to: int


class MessageRow(BaseModel):
    """A message; `action` is "joined" or "left" for service messages; `reactions` by user id."""

    message_id: int
    sender_id: int
    sender: str | None
    date: int
    text: str
    reply_to: int | None
    action: str | None
    edited: int | None
    reactions: dict[int, str]


class NewSession(Body):
    """Whose ready-made session to make."""

    user_id: int


class ReadySessionRow(BaseModel):
    """A login, ready to use: Telethon's string, and its SQLite file in base64."""

    key_id: str
    user_id: int
    username: str | None
    string_session: str
    session_file: str

    def file_bytes(self) -> bytes:
        """The `.session` file's content."""
        return b64decode(self.session_file)


class ConnectionRow(BaseModel):
    """A connected client."""

    remote: str
    transport: str


class SessionRow(BaseModel):
    """A login: whose, whether it is dead and of what, and its connections."""

    key_id: str
    user_id: int | None
    dead: str | None
    connections: list[ConnectionRow]


class Kill(Body):
    """How a login is lost."""

    error: Death = "AUTH_KEY_UNREGISTERED"


class Dropped(BaseModel):
    """How many connections were cut."""

    connections: int


class NewFault(Body):
    """A fault to inject."""

    fault: Fault


class FaultRow(BaseModel):
    """An active fault, and how many calls and packets it has hit."""

    fault_id: str
    fault: Fault
    met: int = 0


class CodeRow(BaseModel):
    """The newest sign-in code of a phone."""

    phone: str
    code: str


class ServerRow(BaseModel):
    """Where clients connect, and the key they must trust to do so."""

    address: str
    port: int
    dc_id: int
    public_key: str
    connections: int
    notice: str


class ProgrammeBody(Body):
    """The audience's programme; an empty chat silences it."""

    chat: str = ""
    guests: Annotated[int, Field(ge=1, le=50)] = 3
    messages_per_minute: Annotated[float, Field(gt=0, le=600)] = 12
