"""Every change goes into the audit log: the intent before it is carried out, what came of it afterwards.

| request                                          | rows                                                              |
| ------------------------------------------------ | ----------------------------------------------------------------- |
| a change (POST, PUT, PATCH, DELETE)              | `intent`, then `outcome` with the status                          |
| a read for admins, such as a session's download  | the same, unless the route depends on `not_recorded`              |
| anything that the actor's role does not allow    | `refused`                                                         |
| any other read, and a node's own doors           | none                                                              |

No audit, no change: when the intent cannot be written the request is refused with 503. When the outcome cannot be, the
change is done and its answer goes out; the intent without an outcome stays, and the service's log has the rest.
`Recording` sees the bytes, `intend` knows the route and the actor. What is written of bodies is a keyed hash and the
fields of `SAFE`, from the body before and from the answer after; nothing else of them is ever written.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.audit.chain import Entry, Phase, Plain
from shared.audit.log import AuditLog
from shared.http.allowance import Allowance
from shared.http.responses import URN
from shared.http.roles import Actor, Role, role_of
from shared.messaging.handling import Unavailable

log = structlog.get_logger(__name__)

# Names that are no secret wherever they stand, at the top of a body or of an answer.
SAFE = frozenset(
    {
        "account_id", "account_ids", "action", "after", "bind", "command_id", "count", "delivery_id", "deployment_id",
        "directory", "ends_at", "epoch", "fingerprint", "hash", "host", "id", "limit", "link", "name", "node_id",
        "node_ids", "origin", "outcome", "plan_hash", "policy", "port", "reason", "role", "script_id", "selector",
        "server_id", "session_id", "session_ids", "size", "state", "target", "to", "token_id", "user", "valid_seconds",
        "version",
    }
)  # fmt: skip
LONGEST_TEXT = 200
MOST_ITEMS = 20
# What is looked at for fields; larger bodies have only their hash.
LARGEST_READ = 64 * 1024
LONGEST_PATH = 500
# One who is refused again and again fills the log no faster than this.
MOST_REFUSALS, REFUSALS_A_MINUTE = 100, 20.0
MOST_ACTORS = 1000


async def not_recorded() -> None:
    """A dependency that does nothing: it marks a route for admins that is not worth a row each time."""


def is_recorded(route: APIRoute, method: str) -> bool:
    """Whether requests of this route have rows. A test walks all routes of all services."""
    role = role_of(route)
    if role is Role.NODE or any(one.dependency is not_recorded for one in route.dependencies):
        return False
    return method not in ("GET", "HEAD") or role is Role.ADMIN


async def intend(request: Request) -> None:
    """A dependency after the checks: writes what is about to be done. Raises Unavailable, and then nothing is done."""
    record: _Record | None = request.scope.get("state", {}).get("recording")
    if record is not None and is_recorded(request.scope["route"], request.method):
        await record.intend()


class Recording:
    """Follows each request and writes its rows. `key` keys the hashes of bodies."""

    def __init__(self, app: ASGIApp, log: AuditLog, key: SecretStr) -> None:
        self._app = app
        self._log = log
        self._key = hashlib.sha256(b"audit" + key.get_secret_value().encode()).digest()
        self._refusals = Allowance(MOST_REFUSALS, REFUSALS_A_MINUTE, MOST_ACTORS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = _Record(self._log, scope, hmac.new(self._key, digestmod=hashlib.sha256), self._refusals)
        scope.setdefault("state", {})["recording"] = record
        try:
            await self._app(scope, record.receiving(receive), record.sending(send))
        except Exception:
            await record.ended(500, {})
            raise


class _Record:
    """One request, as far as it has come."""

    def __init__(self, log_: AuditLog, scope: Scope, digest: "hmac.HMAC", refusals: Allowance) -> None:
        self._log = log_
        self._scope = scope
        self._digest = digest
        self._refusals = refusals
        self._head = b""
        self._size = 0
        self._whole = False
        self._intended = False
        self._ended = False
        self._held: Message | None = None

    def receiving(self, receive: Receive) -> Receive:
        """The request's body, looked at as it passes."""

        async def seen() -> Message:
            message = await receive()
            body = message.get("body", b"")
            self._digest.update(body)
            self._size += len(body)
            self._head = self._head + body if self._size <= LARGEST_READ else b""
            self._whole = self._whole or not message.get("more_body", False)
            return message

        return seen

    def sending(self, send: Send) -> Send:
        """The answer; its beginning is held until its outcome is written."""

        async def seen(message: Message) -> None:
            if message["type"] == "http.response.start" and (self._intended or message["status"] == 403):
                self._held = message
                return
            if (begun := self._held) is not None:
                self._held = None
                body = b"" if message.get("more_body", False) else message.get("body", b"")
                await self.ended(begun["status"], _object(body))
                await send(begun)
            await send(message)

        return seen

    async def intend(self) -> None:
        """Write the intent. Raises Unavailable."""
        fields = _object(self._head) if self._whole else {}
        await self._log.write(self._entry(Phase.INTENT, safe_fields(fields)))
        self._intended = True

    async def ended(self, status: int, answer: Mapping[str, Any]) -> None:
        """Write the outcome, or the refusal, once."""
        if self._ended:
            return
        self._ended = True
        phase = Phase.OUTCOME if self._intended else Phase.REFUSED
        if not self._intended and (status != 403 or self._actor is None or not self._refusals.take(self._actor.name)):
            return
        problem = str(answer["type"]).removeprefix(URN) if status >= 400 and "type" in answer else None
        try:
            await self._log.write(self._entry(phase, safe_fields(answer), status, problem))
        except Unavailable as error:
            request = self._scope["state"].get("request_id")
            log.error("audit_row_lost", phase=phase.value, request=request, status=status, reason=str(error))

    @property
    def _actor(self) -> Actor | None:
        actor: Actor | None = self._scope["state"].get("actor")
        return actor

    def _entry(
        self, phase: Phase, fields: dict[str, Plain], status: int | None = None, problem: str | None = None
    ) -> Entry:
        scope, actor = self._scope, self._actor
        assert actor is not None
        return Entry(
            phase=phase,
            request_id=scope["state"]["request_id"],
            actor=actor.name,
            role=actor.role.value,
            method=scope["method"],
            route=scope["route"].path,
            # As it was sent: decoded, it may have characters that no database takes.
            path=scope["raw_path"].decode("ascii", "replace")[:LONGEST_PATH],
            subject={name: _text(str(value)) for name, value in scope.get("path_params", {}).items()},
            fields=fields,
            status=status,
            problem=problem,
            body_hash="hmac-sha256:" + self._digest.hexdigest() if self._whole and self._size else None,
            address=address_of(scope),
        )


def safe_fields(body: Mapping[str, Any]) -> dict[str, Plain]:
    """The fields of a body or an answer that may be written, as plain values of a bounded size."""
    return {name: _plain(value) for name, value in body.items() if name in SAFE and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | list)


def _plain(value: Any) -> Plain:
    if isinstance(value, list):
        items = [_item(item) for item in value[:MOST_ITEMS]]
        return [*items, f"and {len(value) - MOST_ITEMS} more"] if len(value) > MOST_ITEMS else items
    return _item(value)


def _item(value: Any) -> str | int | bool | None:
    match value:
        case None | bool():
            return value
        case int() if abs(value) < 2**53:
            return value
        case str() | int() | float():
            return _text(str(value))
        case _:
            # An object in a list may have anything in it.
            return "…"


def _text(value: str) -> str:
    return value[:LONGEST_TEXT].replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _object(content: bytes) -> dict[str, Any]:
    """The JSON object that this is; empty for anything else."""
    if len(content) > LARGEST_READ:
        return {}
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def address_of(scope: Scope) -> str | None:
    """Where the request came from: as the origin says it, else the connection's other end."""
    said = [value for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"]
    client = scope.get("client")
    return _text(said[-1].decode("latin-1")) if said else client and str(client[0])
