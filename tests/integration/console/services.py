"""Two small services for the console to stand in front of. They say what they have seen; threads share only that."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.responses import Response


class Registry:
    """Workers, accounts and an event stream that sends one event, then waits."""

    def __init__(self) -> None:
        self.ready = True
        self.documents_read = 0
        self.stream_ended = threading.Event()
        self.slow_ended = threading.Event()
        self.slow_begun = threading.Event()
        self.polling = 0
        self.ordered = threading.Event()
        # Whose tokens the registry knows, by their hashes; None: it is away for such questions.
        self.bearers: dict[str, dict[str, str]] | None = {}
        self.asked_for_tokens = 0
        self.failures: list[dict[str, Any]] = []
        self.api = FastAPI(title="registry")
        self.api.post("/internal/whose-token")(self.whose_token)
        self.api.post("/internal/failed-sign-ins", status_code=204)(self.failed_sign_in)
        self.api.get("/api/v1/workers")(self.workers)
        self.api.get("/api/v1/workers/slow")(self.slow)
        self.api.get("/api/v1/workers/{node_id}/commands")(self.commands)
        self.api.get("/api/v1/workers/broken")(self.broken)
        self.api.get("/api/v1/workers/cookies")(self.cookies)
        self.api.get("/api/v1/group-ai/accounts/{account_id}")(self.account)
        self.api.post("/api/v1/group-ai/sessions/{account_id}/assign")(self.assign)
        self.api.get("/api/v1/events")(self.events)
        self.api.get("/health/ready")(self.is_ready)

    async def workers(self, request: Request) -> dict[str, Any]:
        """Gives back the headers and the query that came through."""
        return {"headers": dict(request.headers), "query": request.url.query}

    async def whose_token(self, question: dict[str, str]) -> Response:
        """As the registry answers."""
        self.asked_for_tokens += 1
        if self.bearers is None:
            return JSONResponse({"detail": "away"}, 503)
        nobody = {"name": None, "role": None, "node_id": None}
        return JSONResponse({**nobody, **self.bearers.get(question["hash"], {})})

    async def failed_sign_in(self, failure: dict[str, Any]) -> Response:
        """Notes it."""
        self.failures.append(failure)
        return Response(status_code=204)

    async def account(self, account_id: str, request: Request) -> dict[str, str]:
        """Gives back the id and the bytes of the path."""
        return {"account_id": account_id, "raw_path": request.scope["raw_path"].decode()}

    async def assign(self, account_id: str) -> dict[str, str]:
        """Says whose order it was."""
        return {"assigned": account_id}

    async def cookies(self) -> Response:
        """An answer with a header twice and a status of its own."""
        answer = PlainTextResponse("short and stout", 418)
        answer.set_cookie("a", "1")
        answer.set_cookie("b", "2")
        return answer

    async def slow(self, request: Request) -> dict[str, str]:
        """Answers only when nobody waits any more."""
        self.slow_begun.set()
        while not await request.is_disconnected():
            await asyncio.sleep(0.02)
        self.slow_ended.set()
        return {}

    async def commands(self, node_id: str) -> dict[str, str]:
        """A long poll: answers when something was ordered."""
        self.polling += 1
        while not self.ordered.is_set():
            await asyncio.sleep(0.05)
        return {"node_id": node_id}

    async def broken(self) -> Response:
        """Announces ten bytes and breaks off after four."""

        async def four() -> AsyncIterator[bytes]:
            yield b"four"
            # Lets the four bytes go out before the connection is cut.
            await asyncio.sleep(0.05)

        return StreamingResponse(four(), headers={"content-length": "10"})

    async def events(self, request: Request) -> Response:
        """One event at once; the end is noted when the reader has gone."""

        async def stream() -> AsyncIterator[str]:
            try:
                yield f"id: 1\nevent: fleet.node.v1\ndata: {request.headers.get('last-event-id', '')}\n\n"
                await asyncio.sleep(30)
            finally:
                self.stream_ended.set()

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def is_ready(self) -> Response:
        """Ready, or not for want of a database."""
        missing = [] if self.ready else ["the database does not answer"]
        return JSONResponse({"missing": missing}, 200 if self.ready else 503)


class Deployer:
    """Scripts, taken in as they stream, and a signed artifact."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.dropped: list[tuple[str, dict[str, str]]] = []
        self.first_chunk = threading.Event()
        self.upload_ended = threading.Event()
        self.api = FastAPI(title="deployer")
        self.api.post("/api/v1/group-ai/scripts")(self.upload)
        self.api.delete("/api/v1/dead-letters/{letter}", status_code=204)(self.drop)
        self.api.get("/api/v1/group-ai/sessions/{account_id}")(self.session)
        self.api.get("/api/v1/group-ai/script-artifacts/{name}")(self.artifact)
        self.api.get("/health/ready")(self.is_ready)

    async def upload(self, request: Request) -> dict[str, Any]:
        """Notes every piece of the body when it comes."""
        try:
            async for chunk in request.stream():
                self.chunks.append(chunk)
                self.first_chunk.set()
        finally:
            self.upload_ended.set()
        return {"size": sum(map(len, self.chunks)), "headers": dict(request.headers)}

    async def session(self, account_id: str) -> dict[str, str]:
        """Says whose session it is."""
        return {"session": account_id}

    async def drop(self, letter: str, request: Request) -> Response:
        """An answer without a body."""
        self.dropped.append((letter, dict(request.headers)))
        return Response(status_code=204)

    async def artifact(self, name: str, request: Request) -> dict[str, str]:
        """What a node downloads with its signed URL."""
        return {"name": name, "signature": request.query_params["signature"]}

    async def is_ready(self) -> dict[str, list[str]]:
        """Always ready."""
        return {"missing": []}
