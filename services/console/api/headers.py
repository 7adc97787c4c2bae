"""Which headers cross the origin, in both directions.

Hop-by-hop headers (RFC 9110 section 7.6.1) belong to one connection and stay on it. What a client says of its own
way here (`X-Forwarded-*`) and of who it is (`X-Callboard-*`) is not believed: the origin writes it anew. The client's
token and cookies end here; services get the token of their own. Everything else passes as it is.
"""

from collections.abc import Iterable

from starlette.types import Scope

from shared.http.signing_in import PREFIX

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
# `expect` is answered by our own server; `host` is the upstream's; cookies are the page's; the rest is written anew.
_NOT_UPWARD = _HOP_BY_HOP | {
    b"authorization",
    b"cookie",
    b"expect",
    b"host",
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-request-id",
}
_OF_THE_ORIGIN = PREFIX.encode()
# Our own server adds its own.
_NOT_DOWNWARD = _HOP_BY_HOP | {b"date", b"server"}


def upward(scope: Scope, signed_in: Headers) -> Headers:
    """The headers of the request to the upstream, from those of the client; `signed_in` say who asks."""
    given: Headers = scope["headers"]
    kept = [(name, value) for name, value in given if not name.lower().startswith(_OF_THE_ORIGIN)]
    headers = _without(kept, _NOT_UPWARD) + signed_in
    headers += way_of(scope)
    headers += [(b"x-forwarded-host", value) for name, value in given if name.lower() == b"host"][:1]
    return headers


def way_of(scope: Scope) -> Headers:
    """From where a request came to the origin, and which one it is, for the services and their audit logs."""
    client = scope.get("client")
    return [
        (b"x-request-id", scope["state"]["request_id"].encode()),
        *([(b"x-forwarded-for", str(client[0]).encode())] if client else []),
        (b"x-forwarded-proto", str(scope["scheme"]).encode()),
    ]


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
