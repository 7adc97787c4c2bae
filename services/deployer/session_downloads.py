"""Signed URLs of sealed sessions, for logins that are too large for a message: good for minutes, for one node's key.

What is fetched is sealed to the node that the order is for, so whoever else gets hold of a URL has bytes that say
nothing. Every order has a fresh one.
"""

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from pydantic import SecretStr, TypeAdapter, ValidationError

from services.deployer.domain.sessions import Destination

VALID_SECONDS = 600
PATH = "/api/v1/group-ai/session-deliveries"
_read = TypeAdapter(Destination)


class SignedSessions:
    """Makes and reads the URLs. `public_url` is where agents reach the HTTP origin."""

    def __init__(self, secret: SecretStr, public_url: str, *, valid_seconds: int = VALID_SECONDS) -> None:
        self._serializer = URLSafeTimedSerializer(secret.get_secret_value(), salt="session-delivery")
        self._base = public_url.rstrip("/") + PATH
        self._valid_seconds = valid_seconds

    def url_of(self, destination: Destination) -> str:
        """A URL from which the sealed bytes can be fetched for the next minutes."""
        token = self._serializer.dumps(_read.dump_python(destination, mode="json"))
        return f"{self._base}/{destination.node_id}?token={token}"

    def destination(self, node_id: str, token: str) -> Destination | str:
        """What a token was made for, or why it opens nothing."""
        try:
            found = _read.validate_python(self._serializer.loads(token, max_age=self._valid_seconds))
        except SignatureExpired:
            return "the link has expired; the next order brings a new one"
        except (BadSignature, ValidationError):
            return "the link's token was not made by this deployer; use the whole link of the order, unchanged"
        if found.node_id != node_id:
            return "the link's token is for another node; use the whole link of the order, unchanged"
        return found
