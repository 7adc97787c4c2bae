"""Anything at all, sent to every operation of a running service: what comes back must be in its own document.

A request is made of what the document has (its examples, its parameters) and of what no client should send: unknown
names, NUL, bytes that are not UTF-8, numbers beyond 64 bits, deep nesting, other media types. No answer may be a fault
of the service, an undeclared status, or a refusal that is not problem details of a declared kind.
"""

import json
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_from_bytes

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.http.document import ProblemDetails, operations
from shared.http.responses import PROBLEM_TYPE, URN

# To each operation, other ones in every run; Schemathesis asks the whole origin beside.
EXAMPLES = 4 * int(os.environ.get("CALLBOARD_FUZZ_EXAMPLES", "4"))
ODD_TEXTS = [
    "",
    "\0",
    "a\0b",
    "ü",
    "\ud800",
    "%",
    "..",
    "0",
    "-1",
    "1e9",
    str(10**30),
    "x" * 600,
    "null",
    "[]",
    "WyJhIl0",
]
ODD_BYTES = [b"%ff", b"%00", b"%C3%28", b"+", b"%2F", b"a%0Ab"]
ODD_VALUES: list[Any] = [None, True, 0, -1, 2**31, 2**63, 10**30, 1.5, "", "a\0b", "ü", [], {}, [[]], "x" * 3000]
ODD_BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b'{"a": "\xff"}',
    b"[" * 100_000,
    b"9" * 5000,
    b'{"a": NaN}',
    b"x",
]
MEDIA_TYPES = ["application/json", "application/yaml", "text/plain", "application/xml", "multipart/form-data", ""]


@dataclass(frozen=True)
class Doors:
    """A running service, by its own document. `known` are path parameters that name something real."""

    url: str
    token: str
    document: dict[str, Any]
    known: dict[str, str] = field(default_factory=dict)

    def try_all(self) -> None:
        """Send requests to each operation; those that never end are left out."""
        for method, path, operation in operations(self.document):
            if "text/event-stream" not in str(operation["responses"].get("200")):
                self._try(method, path, operation)

    def _try(self, method: str, path: str, operation: dict[str, Any]) -> None:
        # Too slow is a machine that does something else beside.
        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def send(data: st.DataObject) -> None:
            target = data.draw(self._targets(path, operation))
            headers = {"authorization": f"Bearer {self.token}"}
            content = None
            if "requestBody" in operation:
                content, media_type = data.draw(self._bodies(operation))
                headers |= {"content-type": media_type} if media_type else {}
            answer = client.request(method, self.url + target, content=content, headers=headers)
            judge(answer, operation)

        with httpx.Client(timeout=30) as client:
            send()

    def _targets(self, path: str, operation: dict[str, Any]) -> st.SearchStrategy[str]:
        query = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
        odd = st.lists(st.tuples(st.sampled_from([*query, "statsu"]), encoded()), min_size=1, max_size=2)
        # One mistake hides all others, so most requests have none in their query.
        likely = [[(name, value)] for name in query for value in ("1", "a", "online", "demo-a")]
        one = st.sampled_from(likely or [[]])
        pairs = st.one_of(st.just([]), st.just([]), one, odd)
        segments = {name: self._segments(name) for name in _names(path)}

        def put_together(values: dict[str, str], asked: list[tuple[str, str]]) -> str:
            there = path
            for name, value in values.items():
                there = there.replace(f"{{{name}}}", value)
            return there + ("?" + "&".join(f"{name}={value}" for name, value in asked) if asked else "")

        return st.builds(put_together, st.fixed_dictionaries(segments), pairs)

    def _segments(self, name: str) -> st.SearchStrategy[str]:
        known = st.just(quote(self.known.get(name, "nobody"), safe=":"))
        # A slash or nothing would be another address.
        odd = encoded().filter(lambda one: one not in ("", ".", "..") and "%2F" not in one)
        return st.one_of(known, known, known, odd)

    def _bodies(self, operation: dict[str, Any]) -> st.SearchStrategy[tuple[bytes, str]]:
        texts = [json.dumps(one).encode() for one in _examples(self.document, operation)]
        changed = st.sampled_from(_examples(self.document, operation) or [{}]).flatmap(_changed)
        content = st.one_of(
            st.sampled_from(texts or [b"{}"]),
            changed.map(lambda one: json.dumps(one).encode()),
            st.sampled_from(ODD_BODIES),
            st.binary(),
        )
        return st.tuples(content, st.sampled_from([MEDIA_TYPES[0]] * 9 + MEDIA_TYPES))


def judge(answer: httpx.Response, operation: dict[str, Any]) -> None:
    """Fail unless the answer is one that the operation's document has."""
    declared = operation["responses"].get(str(answer.status_code))
    where = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:300]}"
    assert declared is not None and answer.status_code < 500, where
    if answer.status_code < 400:
        return
    assert answer.headers["content-type"] == PROBLEM_TYPE, where
    details = ProblemDetails.model_validate_json(answer.content)
    assert details.status == answer.status_code and details.detail, where
    assert details.type.removeprefix(URN) in declared["content"][PROBLEM_TYPE]["examples"], where


def encoded() -> st.SearchStrategy[str]:
    """A value in a URL: odd ones, and any text."""
    texts = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=20))
    raw = st.binary(max_size=5).map(lambda some: quote_from_bytes(some, safe=""))
    quoted = texts.map(lambda text: quote(text, safe="", errors="surrogatepass"))
    return st.one_of(quoted, st.sampled_from(ODD_BYTES).map(bytes.decode), raw)


def _names(path: str) -> list[str]:
    return [piece.split("}")[0] for piece in path.split("{")[1:]]


def _examples(document: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
    schema = operation["requestBody"]["content"].get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return list(schema.get("examples", []))


def _changed(example: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The example with one field put otherwise, taken out or put in."""
    places = st.sampled_from([*example, "surprise", "\ud800"])
    other = st.builds(lambda name, value: {**example, name: value}, places, st.sampled_from(ODD_VALUES))
    less = places.map(lambda name: {key: value for key, value in example.items() if key != name})
    deeper = st.builds(
        lambda name, key, value: {**example, name: [{key: value}]}, places, places, st.sampled_from(ODD_VALUES)
    )
    return st.one_of(other, less, deeper)
