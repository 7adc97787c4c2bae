"""Who has signed in: the token, sealed into a cookie that no script can read.

The console keeps no sessions. The cookie is the operator's own token under a key that is derived from the console's,
with the time of the sign-in inside, so every replica reads it, a restart ends nothing, and it ends by itself after
twelve hours. It is `HttpOnly`, `SameSite=Strict` and, where the page came over TLS, `Secure`. A form that another site
sends has neither the cookie nor our origin; both are asked for.
"""

import base64
from urllib.parse import urlsplit

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import Request
from pydantic import SecretStr
from starlette.responses import Response

from shared.clock import Clock

COOKIE = "callboard_session"
ENDS_AFTER_SECONDS = 12 * 3600


class NotSignedIn(Exception):
    """Nobody has, or the token is not taken any more."""


class OtherOrigin(Exception):
    """A form that does not come from one of our own pages."""


class Sessions:
    """Seals tokens into cookies and opens them."""

    def __init__(self, secret: SecretStr, clock: Clock) -> None:
        key = HKDF(SHA256(), 32, salt=None, info=b"callboard console session").derive(
            secret.get_secret_value().encode()
        )
        self._fernet = Fernet(base64.urlsafe_b64encode(key))
        self._clock = clock

    def begin(self, request: Request, response: Response, token: str) -> None:
        """Sign in: the answer carries the cookie."""
        sealed = self._fernet.encrypt_at_time(token.encode(), self._now()).decode()
        response.set_cookie(
            COOKIE,
            sealed,
            max_age=ENDS_AFTER_SECONDS,
            path="/",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )

    def end(self, response: Response) -> None:
        """Sign out."""
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")

    def token_of(self, request: Request) -> str | None:
        """The token in the cookie, if there is one that is ours and has not ended."""
        sealed = request.cookies.get(COOKIE, "")
        try:
            return self._fernet.decrypt_at_time(sealed, ENDS_AFTER_SECONDS, self._now()).decode()
        except (InvalidToken, UnicodeDecodeError):
            return None

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def refuse_other_origins(request: Request) -> None:
    """Raise OtherOrigin for a form that was not sent by a page of this origin."""
    if request.headers.get("sec-fetch-site") not in (None, "same-origin"):
        raise OtherOrigin
    origin = request.headers.get("origin")
    if origin is None or urlsplit(origin).netloc != request.headers.get("host"):
        raise OtherOrigin
