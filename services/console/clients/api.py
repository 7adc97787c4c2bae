"""Asking the services in the name of whoever has signed in.

The console says to the services who asks, as it does for every request that it forwards, so a role is judged where it
always is: there. `Away` names the service that cannot answer now, `Refused` carries what it said; both are shown in the
place of what was asked for. Answers are read tolerantly: a newer service may say more.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
import structlog
from pydantic import BaseModel, TypeAdapter, ValidationError

from services.console.domain.upstreams import Upstream

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")
Query = Mapping[str, object]
Content = bytes | AsyncIterator[bytes]

# A person waits; what takes longer is told to be away and asked for again.
WITHIN = httpx.Timeout(10.0, connect=2.0, pool=2.0)
# A whole vault on its way: it is read, unlocked and checked before anything is said. A distant server, too, is waited
# for as long as the deployer does.
AT_LENGTH = httpx.Timeout(120.0, connect=2.0, pool=2.0)


# What a program is told to ask next is no help to whoever reads a page.
ASK_NEXT = re.compile(r"[;:] GET /.*", re.DOTALL)


class Away(Exception):
    """The service does not answer now. `doubtful`: it may have done what was asked."""

    def __init__(self, service: str, doubtful: bool = False) -> None:
        super().__init__(f"the {service} does not answer")
        self.service = service
        self.doubtful = doubtful


@dataclass
class Refused(Exception):
    """The service said no: `slug` for programs, `detail` for people, `errors` by field."""

    status: int
    slug: str
    detail: str
    errors: Sequence[Mapping[str, Any]] = ()

    def __str__(self) -> str:
        return self.detail


class View(BaseModel):
    """The base of what the services show."""


class Paged(View, Generic[Answer]):
    """A part of a list, and where its next one begins. A list that is not paged has none."""

    items: list[Answer]
    next_cursor: str | None = None


def below(path: str, *names: str) -> str:
    """The path of something below another one, by the names that lead to it."""
    return "/".join((path, *(quote(name, safe="") for name in names)))


class Api:
    """The API of all services; `headers` say in whose name."""

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        clients: Mapping[str, httpx.AsyncClient],
        headers: Sequence[tuple[bytes, bytes]],
    ) -> None:
        self._upstreams = upstreams
        self._clients = clients
        self._headers = list(headers)

    async def get(self, path: str, kind: type[Answer], query: Query | None = None) -> Answer:
        """Read something."""
        return _read(kind, await self._ask("GET", path, query))

    async def post(self, path: str, kind: type[Answer], body: object = None, within: httpx.Timeout = WITHIN) -> Answer:
        """Order something."""
        return _read(kind, await self._ask("POST", path, body={"json": body}, within=within))

    async def put(self, path: str, kind: type[Answer], body: object = None) -> Answer:
        """Set something."""
        return _read(kind, await self._ask("PUT", path, body={"json": body}))

    async def upload(self, path: str, kind: type[Answer], content: Content, media_type: str) -> Answer:
        """Order something whose body is a text or a file, which may still be coming in."""
        body = {"content": content, "headers": [(b"content-type", media_type.encode())]}
        within = WITHIN if isinstance(content, bytes) else AT_LENGTH
        return _read(kind, await self._ask("POST", path, body=body, within=within))

    async def delete(self, path: str) -> None:
        """Remove something."""
        await self._ask("DELETE", path)

    async def file(self, path: str, body: object = None, method: str = "POST") -> httpx.Response:
        """An answer that is a file, still to be read; close it."""
        return await self._ask(method, path, body={"json": body}, within=AT_LENGTH, stream=True)

    async def _ask(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        within: httpx.Timeout = WITHIN,
        stream: bool = False,
    ) -> httpx.Response:
        upstream = next(one for one in self._upstreams if one.owns(path.partition("?")[0]))
        client, given = self._clients[upstream.name], dict(body or {})
        headers = [*self._headers, *given.pop("headers", ())]
        # None leaves what stands in the path's own query as it is.
        params = httpx.QueryParams(_given(query)) if query else None
        try:
            request = client.build_request(
                method, upstream.url + path, params=params, headers=headers, timeout=within, **given
            )
            answer = await client.send(request, stream=stream)
            if stream and not answer.is_success:
                await answer.aread()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            log.warning("service_away", service=upstream.name, reason=repr(error))
            raise Away(upstream.name) from error
        except httpx.HTTPError as error:
            log.warning("service_away", service=upstream.name, reason=repr(error))
            raise Away(upstream.name, doubtful=method != "GET") from error
        if answer.status_code in (502, 503, 504):
            raise Away(upstream.name)
        if not answer.is_success:
            raise _refusal(answer)
        return answer


def _given(query: Query | None) -> list[tuple[str, str | int | float | bool | None]]:
    """The parameters that have a value; a list is given once for each of its values."""
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in (query or {}).items():
        for one in value if isinstance(value, list | tuple) else (value,):
            if one not in (None, ""):
                pairs.append((name, str(one)))
    return pairs


def _read(kind: type[Answer], answer: httpx.Response) -> Answer:
    try:
        return TypeAdapter(kind).validate_json(answer.content or b"null")
    except ValidationError as error:
        log.error("answer_not_understood", url=str(answer.url), reason=str(error))
        raise Refused(502, "not-understood", "the service answers in a form that this console does not know") from error


def _refusal(answer: httpx.Response) -> Refused:
    try:
        told = answer.json()
        slug = str(told["type"]).rpartition(":")[2]
        detail = ASK_NEXT.sub("", str(told["detail"]))
        return Refused(answer.status_code, slug, detail, told.get("errors", ()))
    except (ValueError, KeyError, TypeError):
        return Refused(answer.status_code, "unknown", f"the service answers with status {answer.status_code}")
