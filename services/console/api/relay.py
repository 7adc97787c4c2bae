"""One request on its way to a service and back: nothing is buffered, in either direction.

A body streams up as it comes in, an answer streams down as it is read, so server-sent events pass at once. When the
client goes away, or its token is revoked meanwhile, the exchange is cancelled and the upstream's connection closed with
it. An upstream that is away is a problem that names it; one that breaks off in the middle of an answer makes us cut the
client's connection, because the status is already out and a truncated answer must not look whole.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import httpx
import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from services.console.api import headers
from services.console.domain.upstreams import Upstream
from shared.http.problems import problem_response
from shared.http.responses import problems

log = structlog.get_logger(__name__)

RETRY_AFTER = {"retry-after": "2"}
# How often it is asked whether a client that is still here may be; most exchanges are over before the first time.
ALLOWED_SECONDS = 5.0
PROBLEMS = problems(
    (429, "too-many-failures", "too many wrong tokens came from this address; `Retry-After` says how long to wait"),
    (503, "sign-in-away", "whose token it is cannot be told, because the registry is away; nothing was changed"),
    (502, "upstream-broke-off", "the service broke off; whether it did what was asked is not known"),
    (503, "upstream-away", "the service is away; nothing was changed"),
    (503, "upstream-busy", "the service has as many requests in work as the console lets through"),
    (504, "upstream-silent", "the service did not answer in time; whether it did what was asked is not known"),
)
_UNKNOWN = "whether it did what was asked is not known: look before you repeat it"


class Relay(Response):
    """The answer of `upstream` to the request in whose scope it is called."""

    def __init__(
        self,
        upstream: Upstream,
        client: httpx.AsyncClient,
        signed_in: Sequence[tuple[bytes, bytes]] = (),
        still_allowed: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        super().__init__()
        self._upstream = upstream
        self._client = client
        self._signed_in = list(signed_in)
        self._still_allowed = still_allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the exchange until it ends, the client goes away or may ask no more, whichever is first."""
        body = _RequestBody(receive)
        exchange = asyncio.create_task(self._exchange(scope, body, send), name="exchange")
        gone = asyncio.create_task(body.client_gone(), name="client-gone")
        refused = asyncio.create_task(self._refused(), name="client-refused")
        tasks = {exchange, gone, refused}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if not exchange.cancelled():
            exchange.result()

    async def _refused(self) -> None:
        """Wait until the client would not be let in any more."""
        if self._still_allowed is None:
            await asyncio.Event().wait()
        else:
            await asyncio.sleep(ALLOWED_SECONDS)
            while await self._still_allowed():
                await asyncio.sleep(ALLOWED_SECONDS)

    async def _exchange(self, scope: Scope, body: "_RequestBody", send: Send) -> None:
        try:
            answer = await self._client.send(self._request(scope, body), stream=True)
        except ClientDisconnect:
            return
        except httpx.HTTPError as error:
            await _problem(self._upstream, error)(scope, body.receive, send)
            return
        if await self._stream(answer, send):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _request(self, scope: Scope, body: "_RequestBody") -> httpx.Request:
        base = httpx.URL(self._upstream.url)
        path = base.raw_path.rstrip(b"/") + scope["raw_path"]
        if scope["query_string"]:
            path += b"?" + scope["query_string"]
        content = body.chunks() if headers.has_body(scope) else None
        if content is None:
            body.taken.set()
        # Made by hand, not by the client: it would add headers of its own, such as an Accept-Encoding that
        # the operator's program did not send.
        return httpx.Request(
            scope["method"],
            base.copy_with(raw_path=path),
            headers=headers.upward(scope, self._signed_in),
            content=content,
        )

    async def _stream(self, answer: httpx.Response, send: Send) -> bool:
        """Send the answer down; whether it came whole. The upstream's connection is free again before the last word."""
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": answer.status_code,
                    "headers": headers.downward(answer.headers.raw),
                }
            )
            async for chunk in answer.aiter_raw():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except httpx.HTTPError as error:
            log.warning("answer_broken_off", upstream=self._upstream.name, reason=repr(error))
            return False
        finally:
            await answer.aclose()
        return True


class _RequestBody:
    """The client's side of the connection: its body first, after that only the news that it has gone."""

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.taken = asyncio.Event()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes in. Raises ClientDisconnect when the client goes before its end."""
        while True:
            message: Message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body", False):
                self.taken.set()
                return

    async def client_gone(self) -> None:
        """Wait until the client has closed its connection."""
        # Not before the body is taken: two readers of one connection steal from each other.
        await self.taken.wait()
        while (await self.receive())["type"] != "http.disconnect":
            pass


def _problem(upstream: Upstream, error: httpx.HTTPError) -> Response:
    log.warning("upstream_failed", upstream=upstream.name, url=upstream.url, reason=repr(error))
    name = upstream.name
    match error:
        case httpx.PoolTimeout():
            detail = f"the {name} has as many requests in work as the console lets through; try again in a moment"
            return problem_response(503, "upstream-busy", detail, headers=RETRY_AFTER)
        case httpx.ConnectError() | httpx.ConnectTimeout():
            detail = (
                f"the {name} is away, nothing was changed: see in its log whether it runs, "
                f"or correct {upstream.setting}, and try again"
            )
            return problem_response(503, "upstream-away", detail, headers=RETRY_AFTER)
        case httpx.TimeoutException():
            detail = f"the {name} did not answer in time; {_UNKNOWN}"
            return problem_response(504, "upstream-silent", detail)
        case _:
            detail = f"the {name} broke off; {_UNKNOWN}"
            return problem_response(502, "upstream-broke-off", detail)
