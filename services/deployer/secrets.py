"""Logins of servers at rest: sealed under the deployer's master keys, which are not in the database.

A sealed login opens only for the server that it was sealed for. What was sealed before there were master keys (form 1:
a key derived from `CALLBOARD_SECRETS_KEY_FILE` or `CALLBOARD_SECRET`) is still read, and sealed anew when keys are
rotated. Nothing here ever puts a secret into an error.
"""

import json

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.deployer.domain.keeping import Keys, NotOpened, Shelf
from services.deployer.domain.logins import AgentLogin, KeyLogin, Login, PasswordLogin, kind_of
from services.deployer.domain.server_problems import ServerProblem, Trouble

PURPOSE = Shelf.SERVER_LOGINS
_FORMER = b"\x01"
_FORMER_NONCE_BYTES = 12
_FORMER_INFO = b"callboard deployer: logins of servers"

_UNREADABLE = ServerProblem(
    Trouble.LOGIN_UNREADABLE,
    "the stored login was sealed with another secret: bring the deployer's former CALLBOARD_VAULT_KEY, "
    "CALLBOARD_SECRET (or the file of either) back, or give the login again with `callboard servers login`",
)


class SealedLogins:
    """Seals and opens logins. `former` is what the key of form 1 is derived from; only the derived key is kept."""

    def __init__(self, keys: Keys, former: bytes) -> None:
        self._keys = keys
        self._former = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=_FORMER_INFO).derive(former))

    def seal(self, server_id: str, login: Login) -> bytes:
        """What may be stored."""
        return self._keys.seal(PURPOSE, server_id, _written(login))

    def open(self, server_id: str, sealed: bytes) -> Login | ServerProblem:
        """The login, or that it was sealed with another secret or for another server."""
        try:
            return _read(self._opened(server_id, sealed))
        except (NotOpened, InvalidTag, ValueError):
            return _UNREADABLE

    def reseal(self, server_id: str, sealed: bytes) -> bytes:
        """The same login under the active master key. Raises NotOpened."""
        try:
            return self._keys.seal(PURPOSE, server_id, self._opened(server_id, sealed))
        except (InvalidTag, ValueError):
            raise NotOpened(f"the login of server {server_id} was sealed with another secret") from None

    def _opened(self, server_id: str, sealed: bytes) -> bytes:
        if sealed[:1] != _FORMER:
            return self._keys.open(PURPOSE, server_id, sealed)
        nonce, content = sealed[1 : 1 + _FORMER_NONCE_BYTES], sealed[1 + _FORMER_NONCE_BYTES :]
        return self._former.decrypt(nonce, content, _FORMER + server_id.encode())


def _written(login: Login) -> bytes:
    match login:
        case KeyLogin(private_key, passphrase):
            fields = {"private_key": private_key, "passphrase": passphrase}
        case PasswordLogin(password):
            fields = {"password": password}
        case AgentLogin():
            fields = {}
    return json.dumps({"kind": kind_of(login), **fields}).encode()


def _read(content: bytes) -> Login:
    fields = json.loads(content)
    match fields.pop("kind"):
        case "key":
            return KeyLogin(**fields)
        case "password":
            return PasswordLogin(**fields)
        case _:
            return AgentLogin()
