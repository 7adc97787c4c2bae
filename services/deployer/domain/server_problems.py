"""What can go wrong with a server that is reached by SSH: a kind for programs, a sentence for people.

What fails is a `ServerProblem`, never an exception, and its sentence says what to do next.
"""

from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """The kinds of problem; stable, for programs."""

    UNREACHABLE = "server-unreachable"
    TIMED_OUT = "server-timed-out"
    CONNECTION_LOST = "connection-lost"
    NOT_SSH = "not-ssh"
    HOST_KEY_CHANGED = "host-key-changed"
    LOGIN_REFUSED = "login-refused"
    LOGIN_UNREADABLE = "login-unreadable"
    KEY_UNREADABLE = "key-unreadable"
    KEY_IS_ENCRYPTED = "key-needs-passphrase"
    KEY_NOT_OPENED = "passphrase-refused"
    NO_SFTP = "no-sftp"
    DISK_FULL = "disk-full"
    NOT_WRITABLE = "not-writable"
    DAMAGED = "transfer-damaged"
    BUSY = "server-busy"
    INSTALL_FAILED = "install-failed"


@dataclass(frozen=True, slots=True)
class ServerProblem:
    """Why something did not go, and what to do next. `detail` never holds a secret."""

    trouble: Trouble
    detail: str
