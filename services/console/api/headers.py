"""Which headers cross the origin, in both directions.

Hop-by-hop headers (RFC 9110 section 7.6.1) belong to one connection and stay on it. What a client says of its own
way here (`X-Forwarded-*`) is not believed: the origin writes it anew. Everything else passes as it is, the bearer
token too.
"""

from collections.abc import Iterable

from starlette.types import Scope

Headers = list[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# `expect` is answered by our own server; `host` is the upstream's; the rest is written anew.
_NOT_UPWARD = _HOP_BY_HOP | {
    b"expect",
    b"host",
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
}
# Our own server adds its own.
_NOT_DOWNWARD = _HOP_BY_HOP | {b"date", b"server"}


def upward(scope: Scope) -> Headers:
    """The headers of the request to the upstream, from those of the client."""
    given: Headers = scope["headers"]
    headers = _without(given, _NOT_UPWARD)
    client = scope.get("client")
    if client:
        headers.append((b"x-forwarded-for", str(client[0]).encode()))
    headers.append((b"x-forwarded-proto", str(scope["scheme"]).encode()))
    headers += [(b"x-forwarded-host", value) for name, value in given if name.lower() == b"host"][:1]
    return headers


def downward(answered: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers of the answer to the client, from those of the upstream; repeated ones stay repeated."""
    return _without(list(answered), _NOT_DOWNWARD)


def has_body(scope: Scope) -> bool:
    """Whether the request announces a body."""
    names = {name.lower(): value for name, value in scope["headers"]}
    return b"transfer-encoding" in names or names.get(b"content-length", b"0") != b"0"


def _without(headers: Headers, dropped: frozenset[bytes]) -> Headers:
    named = {
        word.strip().lower() for name, value in headers if name.lower() == b"connection" for word in value.split(b",")
    }
    kept = ((name.lower(), value) for name, value in headers)
    return [(name, value) for name, value in kept if name not in dropped and name not in named]
