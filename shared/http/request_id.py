"""Every request has an id: the origin makes it, or takes the client's, and it is in the answer and in the audit log."""

import re
import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-request-id"
_USABLE = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def request_id_of(scope: Scope) -> str:
    """The id that the request came with; a new one if it has none that can be used."""
    given = [value for name, value in scope["headers"] if name.lower() == HEADER]
    return given[0].decode() if len(given) == 1 and _USABLE.fullmatch(given[0]) else secrets.token_hex(8)


class RequestId:
    """Keeps the id in the request's state as `request_id`, and names it in the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope.setdefault("state", {})["request_id"] = request_id_of(scope)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [(name, value) for name, value in message.get("headers", []) if name.lower() != HEADER]
                message = {**message, "headers": [*others, (HEADER, request_id.encode())]}
            await send(message)

        await self._app(scope, receive, named)
