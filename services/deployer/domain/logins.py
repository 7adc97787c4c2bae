"""How the deployer logs in to a server, and the port that keeps logins sealed (`secrets` implements it).

Nothing here shows a secret: neither a `repr`, nor `kind_of`, which is all that an answer ever has of a login.
"""

from dataclasses import dataclass, field
from typing import Protocol

from services.deployer.domain.server_problems import ServerProblem


@dataclass(frozen=True, slots=True)
class KeyLogin:
    """A private key in any of OpenSSH's forms, with its passphrase if it has one."""

    private_key: str = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PasswordLogin:
    """A password."""

    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgentLogin:
    """The keys of the SSH agent that the deployer's process was given (`SSH_AUTH_SOCK`)."""


Login = KeyLogin | PasswordLogin | AgentLogin


def kind_of(login: Login) -> str:
    """`key`, `password` or `agent`: all that is ever shown of a login."""
    match login:
        case KeyLogin():
            return "key"
        case PasswordLogin():
            return "password"
        case AgentLogin():
            return "agent"


class Vault(Protocol):
    """Logins, sealed for the database."""

    def seal(self, server_id: str, login: Login) -> bytes:
        """What may be stored: it says nothing without the deployer's secret."""
        ...

    def open(self, server_id: str, sealed: bytes) -> Login | ServerProblem:
        """The login, or that it was sealed with another secret."""
        ...
