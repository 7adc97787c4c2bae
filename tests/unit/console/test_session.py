"""The sign-in: the cookie hides the token, ends by itself, and no other site can use it."""

import pytest
from fastapi import Request
from pydantic import SecretStr
from starlette.responses import Response

from services.console.pages.sign_in import _own
from services.console.session import COOKIE, ENDS_AFTER_SECONDS, OtherOrigin, Sessions, refuse_other_origins
from shared.clock import VirtualClock

SECRET = SecretStr("the console's own token")


def request(scheme: str = "http", **headers: str) -> Request:
    """A request to `callboard.example`."""
    given = {"host": "callboard.example"} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    return Request(
        {"type": "http", "method": "POST", "scheme": scheme, "path": "/", "query_string": b"", "headers": raw}
    )


def cookie(sessions: Sessions, scheme: str = "http") -> str:
    """The cookie that a sign-in sets."""
    response = Response()
    sessions.begin(request(scheme), response, "an operator's token")
    return response.headers["set-cookie"]


def test_the_cookie_is_for_this_origin_and_no_script() -> None:
    """A token that a script can read is stolen by the first one that should not be there."""
    clock = VirtualClock()
    told = cookie(Sessions(SECRET, clock))
    assert "HttpOnly" in told
    assert "SameSite=strict" in told
    assert "Secure" not in told
    assert "operator" not in told
    assert "Secure" in cookie(Sessions(SECRET, clock), "https")


async def test_a_session_ends_by_itself() -> None:
    """A forgotten browser would be signed in for ever."""
    clock = VirtualClock()
    sessions = Sessions(SECRET, clock)
    back = request(cookie=cookie(sessions).partition(";")[0])
    assert sessions.token_of(back) == "an operator's token"
    await clock.run_for(ENDS_AFTER_SECONDS + 1)
    assert sessions.token_of(back) is None


@pytest.mark.parametrize("value", ["", "made-up", "gAAAAA" + "A" * 80])
def test_what_is_not_ours_signs_nobody_in(value: str) -> None:
    """Neither a cookie that was made up, nor one of another console."""
    assert Sessions(SECRET, VirtualClock()).token_of(request(cookie=f"{COOKIE}={value}")) is None
    other = cookie(Sessions(SecretStr("another console's"), VirtualClock())).partition(";")[0]
    assert Sessions(SECRET, VirtualClock()).token_of(request(cookie=other)) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://callboard.example.evil.example"},
        {"origin": "http://callboard.example", "sec_fetch_site": "cross-site"},
        {"origin": "http://callboard.example", "sec_fetch_site": "same-site"},
    ],
)
def test_forms_of_other_sites_are_refused(headers: dict[str, str]) -> None:
    """A page somewhere else would roll back deployments in the name of whoever visits it."""
    with pytest.raises(OtherOrigin):
        refuse_other_origins(request(**headers))


def test_our_own_forms_are_taken() -> None:
    """With the browser's word for it, and without."""
    refuse_other_origins(request(origin="http://callboard.example"))
    refuse_other_origins(request(origin="http://callboard.example", sec_fetch_site="same-origin"))


@pytest.mark.parametrize(
    "address",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", None, "/sign-in"],
)
def test_after_the_sign_in_one_stays_here(address: str | None) -> None:
    """A link to the sign-in that leads on to another site looks like ours."""
    assert _own(address) == "/"
    assert _own("/accounts?source=remote") == "/accounts?source=remote"
