"""Signed download URLs: the token is the authorisation, for one content and one hour.

Orders of large artifacts carry such a URL; every attempt carries a fresh one, so a node that was away for longer
than the hour gets another. The token names the content, so it opens nothing else.
"""

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from pydantic import SecretStr

VALID_SECONDS = 3600
PATH = "/api/v1/group-ai/script-artifacts"


class SignedDownloads:
    """Makes and checks the URLs. `public_url` is where agents reach the HTTP origin."""

    def __init__(self, secret: SecretStr, public_url: str, *, valid_seconds: int = VALID_SECONDS) -> None:
        self._serializer = URLSafeTimedSerializer(secret.get_secret_value(), salt="script-artifact")
        self._base = public_url.rstrip("/") + PATH
        self._valid_seconds = valid_seconds

    def url_of(self, content_hash: str) -> str:
        """A URL from which the content can be fetched for the next hour."""
        return f"{self._base}/{content_hash}?token={self._serializer.dumps(content_hash)}"

    def refusal(self, content_hash: str, token: str) -> str | None:
        """Why this token does not open this content, or None if it does."""
        try:
            named = self._serializer.loads(token, max_age=self._valid_seconds)
        except SignatureExpired:
            return "the link has expired; the next attempt of the delivery brings a new one"
        except BadSignature:
            return "the link's token was not made by this deployer; use the whole link of the order, unchanged"
        if named != content_hash:
            return "the link's token is for another artifact; use the whole link of the order, unchanged"
        return None
