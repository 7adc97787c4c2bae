"""The HTTP client under every command: paths in, JSON objects out, errors as `CommandFailed`.

It knows no command. An address where nothing answers, a token that is not taken and a service that is away are
`UNREACHABLE`; problem details become a sentence with a line for each field, in the operator's words and not in HTTP's.
Every request has a timeout.
"""

import ipaddress
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx
from httpx_sse import EventSource, SSEError, connect_sse

from services.cli.connection import Connection
from services.cli.failures import CommandFailed, ExitCode
from services.cli.problems import NO_SUCH_ADDRESS, NO_SUCH_VERSION, Named, named_by_option, read_problem
from shared.tls import needed

Record = dict[str, Any]
Parameters = Mapping[str, str | int | None]

TIMEOUTS = httpx.Timeout(connect=5.0, read=70.0, write=30.0, pool=5.0)
# The largest page that the services give.
PAGE = 1000

_PASSING = frozenset({502, 503, 504})


class Client:
    """One operator's connection to Callboard."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._url = connection.url
        self._local = _is_loopback(httpx.URL(connection.url).host)
        self._http = httpx.Client(
            base_url=connection.url,
            headers={"authorization": f"Bearer {connection.token}", "accept": "application/json"},
            timeout=TIMEOUTS,
            # A proxy named in the environment is for the world, not for this machine.
            trust_env=not self._local,
            verify=needed(connection.url, connection.trust),
        )

    @property
    def url(self) -> str:
        """Where Callboard is."""
        return self._url

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, parameters: Parameters | None = None, *, missing: str | None = None) -> Record:
        """Read one thing; `missing` is the sentence for one that is not there."""
        return self._ask("GET", path, missing, params=_given(parameters))

    def rows(self, path: str, parameters: Parameters | None = None, *, missing: str | None = None) -> list[Record]:
        """Read a list that has no pages, as the sandbox's have none."""
        content = self._content(self._taken("GET", path, missing, params=_given(parameters)))
        if not isinstance(content, list):
            raise self._stranger()
        return content

    def post(
        self, path: str, body: Record | None = None, *, missing: str | None = None, named: Named = named_by_option
    ) -> Record:
        """Order something; `named` says how the operator wrote a field that is refused."""
        return self._ask("POST", path, missing, named, json=body)

    def put(self, path: str, body: Record, *, missing: str | None = None) -> Record:
        """Say how something shall be."""
        return self._ask("PUT", path, missing, json=body)

    def upload(self, path: str, content: bytes, media_type: str) -> tuple[Record, bool]:
        """Order something whose body is a file; with whether it was made by that, and not there already."""
        answer = self._taken("POST", path, None, content=content, headers={"content-type": media_type})
        return self._object(self._content(answer)), answer.status_code == httpx.codes.CREATED

    def send(
        self,
        path: str,
        content: Iterable[bytes],
        media_type: str,
        size: int,
        parameters: Parameters | None = None,
    ) -> Record:
        """Order something whose body is a file, sent piece by piece."""
        headers = {"content-type": media_type, "content-length": str(size)}
        return self._ask("POST", path, None, params=_given(parameters), content=content, headers=headers)

    def send_form(self, path: str, form: Record, file: tuple[str, BinaryIO], parameters: Parameters | None) -> Record:
        """Order something whose body is a form with a file, which is read as it is sent."""
        return self._ask("POST", path, None, params=_given(parameters), data=form, files={"file": file})

    @contextmanager
    def fetched(
        self,
        method: str,
        path: str,
        *,
        body: Record | None = None,
        parameters: Parameters | None = None,
        missing: str | None = None,
    ) -> Iterator[Iterator[bytes]]:
        """An answer that is a file, piece by piece; one that breaks off is a `CommandFailed`."""
        # What is locked with a passphrase is made for a while before it comes.
        timeout = httpx.Timeout(connect=5.0, read=600.0, write=30.0, pool=5.0)
        asked: dict[str, Any] = {"params": _given(parameters), "timeout": timeout}
        asked |= {} if body is None else {"json": body}
        with self._told_plainly(method), self._http.stream(method, path, **asked) as answer:
            if not answer.is_success:
                answer.read()
                raise self._failure(answer, missing)
            yield answer.iter_bytes()

    def delete(self, path: str, *, missing: str | None = None) -> Record:
        """Remove something."""
        return self._ask("DELETE", path, missing)

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
        with self._told_plainly("GET"), connect_sse(self._http, "GET", path, params=asked, headers=headers) as source:
            if not source.response.is_success:
                source.response.read()
                raise self._failure(source.response, None)
            yield source

    def _ask(
        self, method: str, path: str, missing: str | None, named: Named = named_by_option, **options: Any
    ) -> Record:
        return self._object(self._content(self._taken(method, path, missing, named, **options)))

    def _taken(
        self, method: str, path: str, missing: str | None, named: Named = named_by_option, **options: Any
    ) -> httpx.Response:
        """The answer to a request that was not refused."""
        with self._told_plainly(method):
            answer = self._http.request(method, path, **options)
        if not answer.is_success:
            raise self._failure(answer, missing, named)
        return answer

    def _object(self, content: Any) -> Record:
        if not isinstance(content, dict):
            raise self._stranger()
        return content

    def _content(self, answer: httpx.Response) -> Any:
        if not answer.content:
            return {}
        try:
            return answer.json()
        except ValueError:
            raise self._stranger() from None

    @contextmanager
    def _told_plainly(self, method: str) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise CommandFailed(ExitCode.UNREACHABLE, self._unreached(error), passing=True) from error
        except httpx.TimeoutException as error:
            doubt = "" if method == "GET" else "; whether it did what was asked is not known"
            sentence = f"{self._url} did not answer in time{doubt}"
            raise CommandFailed(ExitCode.UNREACHABLE, sentence, passing=True) from error
        except SSEError as error:
            raise self._stranger() from error
        except httpx.HTTPError as error:
            doubt = "" if method == "GET" else "; whether what was asked is done is not known"
            sentence = f"the connection to {self._url} broke{doubt}"
            raise CommandFailed(ExitCode.UNREACHABLE, sentence, passing=True) from error

    def _unreached(self, error: BaseException) -> str:
        causes = list(_causes(error))
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            reason = next(one.verify_message for one in causes if isinstance(one, ssl.SSLCertVerificationError))
            return (
                f"{self._url} shows a certificate that is not trusted here ({reason}): give the authority that has "
                "signed it as --ca, and the address as the certificate has it"
            )
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            return f"{self._url} does not answer with TLS: is its address http:// and not https://?"
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            return f"the name in {self._url} is not known: is it spelt right?"
        start = " `callboard up` starts it here" if self._local else ""
        return f"nothing answers at {self._url}: is Callboard running there?{start}"

    def _failure(self, answer: httpx.Response, missing: str | None, named: Named = named_by_option) -> CommandFailed:
        status, problem = answer.status_code, read_problem(answer, named)
        if status == httpx.codes.UNAUTHORIZED:
            return self._not_signed_in()
        if problem is None or problem.kind == NO_SUCH_ADDRESS:
            return self._unexplained(answer)
        code = _code(status)
        sentence = problem.sentence
        # A version that is missing is told by the service, which knows the newest.
        if missing and code is ExitCode.NOT_FOUND and problem.kind != NO_SUCH_VERSION:
            sentence = missing
        return CommandFailed(code, sentence, problem.details, passing=status in _PASSING, kind=problem.kind)

    def _not_signed_in(self) -> CommandFailed:
        source = self._connection.source
        sentence = f"not signed in: {self._url} does not take the token from {source.name}: {source.advice}"
        return CommandFailed(ExitCode.UNREACHABLE, sentence)

    def _unexplained(self, answer: httpx.Response) -> CommandFailed:
        """An answer that is not Callboard's own: of a proxy before it, or of something else at this address."""
        if answer.is_redirect:
            to = answer.headers.get("location", "elsewhere")
            return CommandFailed(ExitCode.UNREACHABLE, f"{self._url} sends on to {to}: give the right address as --url")
        if answer.status_code in _PASSING:
            sentence = f"what answers at {self._url} cannot reach Callboard at the moment"
            return CommandFailed(ExitCode.UNREACHABLE, sentence, passing=True)
        if answer.is_server_error:
            return CommandFailed(ExitCode.FAILED, f"{self._url} failed over this request: its log says why")
        return self._stranger()

    def _stranger(self) -> CommandFailed:
        sentence = f"{self._url} answers, but not as Callboard does: is the address right?"
        return CommandFailed(ExitCode.UNREACHABLE, sentence)


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


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from, the first cause last."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _code(status: int) -> ExitCode:
    match status:
        case 401 | 429 | 502 | 503 | 504:
            return ExitCode.UNREACHABLE
        case 404:
            return ExitCode.NOT_FOUND
        case 424:
            # Callboard did what it could; the server that it asked did not.
            return ExitCode.FAILED
        case _ if 400 <= status < 500:
            return ExitCode.REFUSED
        case _:
            return ExitCode.FAILED
