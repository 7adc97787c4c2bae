"""A limit on request bodies, held while they stream in: nobody gets to fill the memory of a service."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.problems import problem_response


class _TooLargeError(Exception):
    pass


class BodyLimit:
    """Refuses bodies over `largest` bytes with 413, by their announced length or as soon as they exceed it.

    `larger` has the paths that take more, each with its own limit.
    """

    def __init__(self, app: ASGIApp, largest: int, larger: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._largest = largest
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False
        seen = 0
        largest = self._larger.get(scope["path"], self._largest)

        async def limited_receive() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > largest:
                raise _TooLargeError
            return message

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        announced = dict(scope["headers"]).get(b"content-length", b"0")
        try:
            if announced.isdigit() and int(announced) > largest:
                raise _TooLargeError
            await self._app(scope, limited_receive, watched_send)
        except _TooLargeError:
            if started:
                raise
            detail = f"the body is over the limit of {largest} bytes; nothing was taken in"
            await problem_response(413, "body-too-large", detail)(scope, receive, send)
