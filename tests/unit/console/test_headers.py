"""Which headers cross the origin."""

from starlette.types import Scope

from services.console.api import headers


def scope(*given: tuple[str, str]) -> Scope:
    """A request's scope with these headers."""
    return {
        "type": "http",
        "scheme": "https",
        "client": ("192.0.2.7", 5000),
        "state": {"request_id": "r1"},
        "headers": [(name.encode(), value.encode()) for name, value in given],
    }


def test_hop_by_hop_headers_stay_behind() -> None:
    """A forwarded Connection or Transfer-Encoding would break the framing of the upstream's connection."""
    given = scope(
        ("connection", "close, X-Private"),
        ("x-private", "1"),
        ("transfer-encoding", "chunked"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
        ("accept", "application/json"),
    )
    sent = dict(headers.upward(given, []))
    assert sent.keys() == {b"accept", b"x-forwarded-for", b"x-forwarded-proto", b"x-request-id"}


def test_the_length_passes_and_what_opens_the_origin_does_not() -> None:
    """Without the length a large body is not refused early; a service has no use for an operator's token."""
    given = scope(("authorization", "Bearer t"), ("cookie", "page=1"), ("content-length", "12"))
    sent = headers.upward(given, [(b"authorization", b"Bearer of-the-services")])
    assert (b"content-length", b"12") in sent
    assert [value for name, value in sent if name in (b"authorization", b"cookie")] == [b"Bearer of-the-services"]


def test_what_a_client_says_of_who_it_is_is_not_believed() -> None:
    """A viewer would be an admin by one header, or write another name into the audit log."""
    given = scope(
        ("X-Callboard-Actor", "root"),
        ("x-callboard-role", "admin"),
        ("x-callboard-else", "1"),
        ("x-request-id", "mine"),
    )
    sent = headers.upward(given, [(b"x-callboard-actor", b"ana")])
    assert [value for name, value in sent if name.startswith(b"x-callboard-")] == [b"ana"]
    assert [value for name, value in sent if name == b"x-request-id"] == [b"r1"]


def test_what_a_client_says_of_its_way_is_not_believed() -> None:
    """A forged X-Forwarded-For would put another address into the audit log."""
    given = scope(("x-forwarded-for", "10.0.0.1"), ("forwarded", "for=10.0.0.1"), ("host", "board.example"))
    sent = headers.upward(given, [])
    assert sorted(sent) == [
        (b"x-forwarded-for", b"192.0.2.7"),
        (b"x-forwarded-host", b"board.example"),
        (b"x-forwarded-proto", b"https"),
        (b"x-request-id", b"r1"),
    ]


def test_answers_keep_repeated_headers_and_lose_the_servers_own() -> None:
    """Two cookies must stay two; two Date headers must not reach the client."""
    answered = [(b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"Date", b"now"), (b"Server", b"x"), (b"ETag", b"1")]
    assert headers.downward(answered) == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"etag", b"1")]


def test_a_body_is_known_by_its_announcement() -> None:
    """Reading a body that was not announced would wait for bytes that never come."""
    assert not headers.has_body(scope())
    assert not headers.has_body(scope(("content-length", "0")))
    assert headers.has_body(scope(("content-length", "3")))
    assert headers.has_body(scope(("transfer-encoding", "chunked")))
