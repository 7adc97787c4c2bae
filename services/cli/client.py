"""The HTTP client under every command: paths in, JSON objects out, errors as `CommandFailed`.

It knows no command. An address where nothing answers, a token that is refused and a service that is away are
`UNREACHABLE`; problem details become a sentence with a line for each field. Every request has a timeout.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
from httpx_sse import EventSource, SSEError, connect_sse

from services.cli.connection import Connection
from services.cli.failures import CommandFailed, ExitCode

Record = dict[str, Any]
Parameters = Mapping[str, str | int | None]

TIMEOUTS = httpx.Timeout(connect=5.0, read=70.0, write=30.0, pool=5.0)
# The largest page that the services give.
PAGE = 1000

_PASSING = frozenset({502, 503, 504})


class Client:
    """One operator's connection to Callboard."""

    def __init__(self, connection: Connection) -> None:
        self._url = connection.url
        self._http = httpx.Client(
            base_url=connection.url,
            headers={"authorization": f"Bearer {connection.token}", "accept": "application/json"},
            timeout=TIMEOUTS,
            # A proxy named in the environment is for the world, not for this machine.
            trust_env=not _is_loopback(httpx.URL(connection.url).host),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, parameters: Parameters | None = None) -> Record:
        """Read one thing."""
        return self._ask("GET", path, params=_given(parameters))

    def post(self, path: str, body: Record | None = None) -> Record:
        """Order something."""
        return self._ask("POST", path, json=body)

    def upload(self, path: str, content: bytes, media_type: str) -> Record:
        """Order something whose body is a file."""
        return self._ask("POST", path, content=content, headers={"content-type": media_type})

    def delete(self, path: str) -> Record:
        """Remove something."""
        return self._ask("DELETE", path)

    def listing(self, path: str, parameters: Parameters, most: int | None) -> Record:
        """At most `most` items (all for None), page by page: `{"items": […], "next_cursor": …}`."""
        items: list[Record] = []
        cursor: str | None = None
        while True:
            wanted = PAGE if most is None else min(PAGE, most - len(items))
            page = self.get(path, {**parameters, "limit": wanted, "cursor": cursor})
            items += page.get("items", [])
            following = page.get("next_cursor")
            # A cursor that does not move would go round for ever.
            if not following or following == cursor or (most is not None and len(items) >= most):
                return {"items": items, "next_cursor": following}
            cursor = following

    @contextmanager
    def event_stream(self, path: str, last_id: str, parameters: Parameters | None = None) -> Iterator[EventSource]:
        """An open stream of events after `last_id`. A break while reading is a passing `CommandFailed` too."""
        headers = {"last-event-id": last_id} if last_id else {}
        asked = _given(parameters)
        with self._told_plainly(), connect_sse(self._http, "GET", path, params=asked, headers=headers) as source:
            if not source.response.is_success:
                source.response.read()
                raise _failure(source.response)
            yield source

    def _ask(self, method: str, path: str, **options: Any) -> Record:
        with self._told_plainly():
            answer = self._http.request(method, path, **options)
        if not answer.is_success:
            raise _failure(answer)
        if not answer.content:
            return {}
        try:
            record = answer.json()
        except ValueError:
            record = None
        if not isinstance(record, dict):
            sentence = f"{self._url} answers, but not as Callboard does: is the address right?"
            raise CommandFailed(ExitCode.UNREACHABLE, sentence)
        return record

    @contextmanager
    def _told_plainly(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            sentence = f"nothing answers at {self._url}: is Callboard running there? `callboard up` starts it here"
            raise CommandFailed(ExitCode.UNREACHABLE, sentence, passing=True) from error
        except httpx.TimeoutException as error:
            sentence = f"{self._url} did not answer in time; whether it did what was asked is not known"
            raise CommandFailed(ExitCode.UNREACHABLE, sentence, passing=True) from error
        except SSEError as error:
            sentence = f"{self._url} answers, but not with events: is the address right?"
            raise CommandFailed(ExitCode.UNREACHABLE, sentence) from error
        except httpx.HTTPError as error:
            sentence = f"the connection to {self._url} broke: {error}"
            raise CommandFailed(ExitCode.UNREACHABLE, sentence, passing=True) from error


def segment(identifier: str) -> str:
    """An identifier as one segment of a path."""
    return quote(identifier, safe="")


def _given(parameters: Parameters | None) -> dict[str, str | int]:
    return {name: value for name, value in (parameters or {}).items() if value is not None}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _failure(answer: httpx.Response) -> CommandFailed:
    status = answer.status_code
    try:
        problem = answer.json()
        detail = str(problem["detail"])
        errors = problem.get("errors") or []
    except (ValueError, KeyError, TypeError, AttributeError):
        detail, errors = f"Callboard answered with status {status}", []
    sentence = f"not signed in: {detail}" if status in (401, 403) else detail
    details = [line for line in map(_error_line, errors) if line != detail]
    return CommandFailed(_code(status), sentence, details, passing=status in _PASSING)


def _code(status: int) -> ExitCode:
    match status:
        case 401 | 403 | 502 | 503 | 504:
            return ExitCode.UNREACHABLE
        case 404:
            return ExitCode.NOT_FOUND
        case _ if 400 <= status < 500:
            return ExitCode.REFUSED
        case _:
            return ExitCode.FAILED


def _error_line(error: Record) -> str:
    where = ":".join(str(error[name]) for name in ("line", "column") if error.get(name) is not None)
    parts = [part for part in (where, str(error.get("field") or ""), str(error.get("message", error))) if part]
    hint = f" ({error['hint']})" if error.get("hint") else ""
    return ": ".join(parts) + hint
