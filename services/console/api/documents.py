"""`/openapi.json`: the API of all services as one document, from what they say of themselves right now.

Each service's document is kept for 30 seconds. A service that is away is left out and named in the description; it
is asked again after two seconds, so that a document read during a start is soon whole. Never fails.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import structlog
from fastapi import APIRouter
from pydantic import BaseModel

from services.console.api.relay import PROBLEMS
from services.console.domain.documents import Chapter, Document, merged
from services.console.domain.upstreams import Upstream
from shared.clock import Clock
from shared.http.document import ABOUT, operations
from shared.http.responses import joined

log = structlog.get_logger(__name__)

KEEP_SECONDS = 30.0
ASK_AGAIN_SECONDS = 2.0
ANSWER_WITHIN = 5.0
LARGEST_DOCUMENT = 4 * 1024 * 1024


class _Operation(BaseModel):
    responses: dict[str, dict[str, Any]]


class _Form(BaseModel):
    """What a document must have to be merged."""

    paths: dict[str, dict[str, _Operation]]


class Chapters:
    """One service's document, kept for a while. `read` gives None while the service cannot tell it."""

    def __init__(self, upstream: Upstream, client: httpx.AsyncClient, clock: Clock) -> None:
        self.upstream = upstream
        self._client = client
        self._clock = clock
        self._document: Mapping[str, Any] | None = None
        self._until = float("-inf")
        # One reader asks for all that wait: the page is open to everyone, the service behind it is not.
        self._asking = asyncio.Lock()

    async def read(self) -> Mapping[str, Any] | None:
        """The document, at most `KEEP_SECONDS` old."""
        async with self._asking:
            if self._clock.monotonic() >= self._until:
                self._document = await self._ask()
                keep = ASK_AGAIN_SECONDS if self._document is None else KEEP_SECONDS
                self._until = self._clock.monotonic() + keep
            return self._document

    async def _ask(self) -> Mapping[str, Any] | None:
        try:
            answer = await self._client.get(self.upstream.url + "/openapi.json", timeout=ANSWER_WITHIN)
            answer.raise_for_status()
            if len(answer.content) > LARGEST_DOCUMENT:
                raise ValueError(f"it is over {LARGEST_DOCUMENT} bytes")
            document: Document = answer.json()
            _Form.model_validate(document)
        except (httpx.HTTPError, ValueError) as error:
            log.warning("document_missing", upstream=self.upstream.name, reason=repr(error))
            return None
        return document


class ApiDocument:
    """The merged document; `own` is the console's part of it (health)."""

    def __init__(self, title: str, version: str, chapters: Sequence[Chapters], own: Callable[[], Document]) -> None:
        self._title, self._version = title, version
        self._chapters = chapters
        self._own = own

    async def read(self) -> Document:
        """The document of everything that is up."""
        told = await asyncio.gather(*(chapter.read() for chapter in self._chapters))
        present = [
            Chapter(chapter.upstream.name, _through_here(document), chapter.upstream.owns)
            for chapter, document in zip(self._chapters, told, strict=True)
            if document is not None
        ]
        away = [one.upstream.name for one, document in zip(self._chapters, told, strict=True) if document is None]
        missing = f"**Missing here**, because it does not answer now: {', '.join(away)}.\n\n" if away else ""
        own = Chapter("console", self._own(), lambda path: True)
        return merged(self._title, self._version, missing + ABOUT, [own, *present])


def _through_here(document: Mapping[str, Any]) -> Document:
    """A service's document with what the way through the origin adds to its answers."""
    paths: Document = {path: dict(item) for path, item in document["paths"].items()}
    for method, path, operation in operations(document):
        paths[path][method.lower()] = {**operation, "responses": joined(operation["responses"], PROBLEMS)}
    return {**document, "paths": paths}


def document_router(document: ApiDocument) -> APIRouter:
    """The route of the document; open, because it tells nothing about the fleet."""
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def openapi() -> Document:
        return await document.read()

    return router
