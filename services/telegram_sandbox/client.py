"""A typed client of the admin API, for tests and for whoever sets a demo up.

Give it the admin address and the token (or, in tests, a transport). Every method is one request with a timeout; a
refusal raises `SandboxRefused` with the problem's kind and detail.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter

from services.telegram_sandbox.api.bodies import (
    ChatRow,
    CodeRow,
    Death,
    Dropped,
    FaultRow,
    MessageRow,
    NewChat,
    NewFault,
    NewUser,
    ProgrammeBody,
    ReadySessionRow,
    ServerRow,
    SessionRow,
    UserRow,
)
from services.telegram_sandbox.faults import AnyFault
from services.telegram_sandbox.world.seed import WorldSeed
from shared.tls import needed

_TIMEOUT_SECONDS = 10.0

T = TypeVar("T")


class SandboxRefused(Exception):
    """The sandbox did not do it. `kind` is stable for programs, the text says what to do."""

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(f"{status} {kind}: {detail}")
        self.status, self.kind = status, kind


class SandboxClient:
    """See the module's docstring. Chats are named by id, username or title."""

    def __init__(
        self,
        url: str,
        token: str,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = _TIMEOUT_SECONDS,
    ) -> None:
        headers = {"authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=timeout, transport=transport, verify=needed(url)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def server(self) -> ServerRow:
        """Where clients connect, and the key to trust."""
        return await self._ask(ServerRow, "GET", "/server")

    async def add_user(
        self, first_name: str, username: str | None = None, phone: str | None = None, bot: bool = False
    ) -> UserRow:
        """Make a user, a guest or a bot."""
        body = NewUser(first_name=first_name, username=username, phone=phone, bot=bot)
        return await self._ask(UserRow, "POST", "/users", body)

    async def users(self) -> list[UserRow]:
        """Everybody."""
        return await self._ask(list[UserRow], "GET", "/users")

    async def add_chat(
        self,
        title: str,
        username: str | None = None,
        members: Sequence[int] = (),
        kind: Literal["group", "supergroup"] = "supergroup",
    ) -> ChatRow:
        """Make a chat."""
        body = NewChat(kind=kind, title=title, username=username, members=list(members))
        return await self._ask(ChatRow, "POST", "/chats", body)

    async def chats(self) -> list[ChatRow]:
        """All groups and supergroups."""
        return await self._ask(list[ChatRow], "GET", "/chats")

    async def chat(self, chat: int | str) -> ChatRow:
        """One chat."""
        return await self._ask(ChatRow, "GET", f"/chats/{_quoted(chat)}")

    async def add_members(self, chat: int | str, user_ids: Sequence[int]) -> ChatRow:
        """Bring users into a chat."""
        return await self._ask(ChatRow, "POST", f"/chats/{_quoted(chat)}/members", {"user_ids": list(user_ids)})

    async def remove_member(self, chat: int | str, user_id: int) -> None:
        """Take a user out of a chat."""
        await self._send("DELETE", f"/chats/{_quoted(chat)}/members/{user_id}")

    async def say(self, chat: int | str, user_id: int, text: str, reply_to: int | None = None) -> MessageRow:
        """Speak in a chat as a user."""
        body = {"user_id": user_id, "text": text, "reply_to": reply_to}
        return await self._ask(MessageRow, "POST", f"/chats/{_quoted(chat)}/messages", body)

    async def messages(self, chat: int | str, after: int = 0, limit: int = 100) -> list[MessageRow]:
        """A chat's messages above `after`, oldest first."""
        return await self._ask(list[MessageRow], "GET", f"/chats/{_quoted(chat)}/messages?after={after}&limit={limit}")

    async def say_privately(self, user_id: int, to: int, text: str, reply_to: int | None = None) -> MessageRow:
        """Write to one user as another."""
        body = {"user_id": user_id, "to": to, "text": text, "reply_to": reply_to}
        return await self._ask(MessageRow, "POST", "/private-messages", body)

    async def private_messages(self, one: int, other: int, after: int = 0) -> list[MessageRow]:
        """The conversation of two users, oldest first."""
        return await self._ask(list[MessageRow], "GET", f"/private-messages?one={one}&other={other}&after={after}")

    async def apply(self, seed: WorldSeed) -> list[ReadySessionRow]:
        """Make what the seed lacks; its accounts with their sessions, the same each time."""
        return await self._ask(list[ReadySessionRow], "POST", "/world", seed)

    async def add_session(self, user_id: int) -> ReadySessionRow:
        """A new ready-made login of a user."""
        return await self._ask(ReadySessionRow, "POST", "/sessions", {"user_id": user_id})

    async def sessions(self) -> list[SessionRow]:
        """All logins with their connections."""
        return await self._ask(list[SessionRow], "GET", "/sessions")

    async def session(self, key_id: str) -> SessionRow:
        """One login."""
        return await self._ask(SessionRow, "GET", f"/sessions/{key_id}")

    async def kill(self, key_id: str, error: Death = "AUTH_KEY_UNREGISTERED") -> SessionRow:
        """Lose a login for good."""
        return await self._ask(SessionRow, "POST", f"/sessions/{key_id}/kill", {"error": error})

    async def drop(self, key_id: str) -> int:
        """Cut a login's connections; how many there were."""
        return (await self._ask(Dropped, "POST", f"/sessions/{key_id}/drop")).connections

    async def forget(self, key_id: str) -> int:
        """Forget a key (transport error -404); how many connections were cut."""
        return (await self._ask(Dropped, "POST", f"/sessions/{key_id}/forget")).connections

    async def code(self, phone: str) -> str:
        """The newest sign-in code of a phone."""
        return (await self._ask(CodeRow, "GET", f"/codes/{phone.lstrip('+')}")).code

    async def inject(self, fault: AnyFault) -> str:
        """Inject a fault; gives its id."""
        return (await self._ask(FaultRow, "POST", "/faults", NewFault(fault=fault))).fault_id

    async def faults(self) -> list[FaultRow]:
        """The active faults."""
        return await self._ask(list[FaultRow], "GET", "/faults")

    async def clear(self, fault_id: str | None = None) -> None:
        """Clear one fault, or all of them."""
        await self._send("DELETE", f"/faults/{fault_id}" if fault_id else "/faults")

    async def set_audience(self, chat: str, guests: int = 3, messages_per_minute: float = 12) -> None:
        """Let the audience speak in a chat; an empty chat silences it."""
        body = ProgrammeBody(chat=chat, guests=guests, messages_per_minute=messages_per_minute)
        await self._send("PUT", "/audience", body)

    async def _ask(self, kind: type[T], method: str, path: str, body: BaseModel | dict[str, Any] | None = None) -> T:
        answer = await self._send(method, path, body)
        return TypeAdapter(kind).validate_json(answer)

    async def _send(self, method: str, path: str, body: BaseModel | dict[str, Any] | None = None) -> bytes:
        content = body.model_dump(mode="json") if isinstance(body, BaseModel) else body
        answer = await self._http.request(method, f"/api/v1{path}", json=content)
        if answer.is_error:
            problem = answer.json() if "json" in answer.headers.get("content-type", "") else {}
            kind = problem.get("type", "unknown").rpartition(":")[2]
            raise SandboxRefused(answer.status_code, kind, problem.get("detail", answer.text))
        return answer.content


def _quoted(chat: int | str) -> str:
    return quote(str(chat), safe="")
