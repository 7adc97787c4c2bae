"""Telegram logins as they are uploaded: the forms they come in, and what makes one acceptable without connecting.

A login is a key, the data centre that knows it, and where that data centre answers. The address in a file is only ever
checked, never used: a file could otherwise choose whom the account speaks to. What is stored has Telegram's own
address of the data centre, or the sandbox's when one is set. Pure; the readers are in `formats`.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Protocol

KEY_BYTES = 256
# In bytes, as it is sent: a Telethon file of an account that knows tens of thousands of people, or a zip of many files.
LARGEST_UPLOAD = 32 * 1024 * 1024
MOST_USER_ID = 2**63 - 1


class SessionForm(StrEnum):
    """What a login was uploaded as."""

    TELETHON_FILE = "telethon-file"
    TELETHON_STRING = "telethon-string"
    PYROGRAM_FILE = "pyrogram-file"
    PYROGRAM_STRING = "pyrogram-string"
    TDATA = "tdata"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where the Telegram sandbox answers; only with it an address that is not Telegram's is taken."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class TelegramLogin:
    """A login that was checked. `user_id` is None where its form does not say whose it is."""

    dc_id: int
    address: str
    port: int
    auth_key: bytes = field(repr=False)
    user_id: int | None = None

    @property
    def fingerprint(self) -> bytes:
        """Names the key without telling it: its SHA-256."""
        return hashlib.sha256(self.auth_key).digest()


@dataclass(frozen=True, slots=True)
class PreparedSession:
    """A login in the one stored form: the bytes of a Telethon session file. `content` is a secret."""

    form: SessionForm
    login: TelegramLogin
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefusedSession:
    """Why a file is not taken: where in it, and what helps. Never what is in it."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReadSession:
    """What was found under a name: a file's own, or of an entry of an archive."""

    name: str
    outcome: PreparedSession | RefusedSession


class SessionReader(Protocol):
    """Reads what was uploaded; `formats.reading` implements it."""

    def read(self, name: str, content: bytes, passcode: str | None = None) -> list[ReadSession]:
        """Every login in it, or why there is none. Never raises for any bytes."""
        ...

    def read_stored(self, content: bytes) -> TelegramLogin | RefusedSession:
        """The login in what claims to be of the stored form, such as what a node hands back."""
        ...


class BadSession(Exception):
    """Raised while reading: a reason for RefusedSession."""


@dataclass(frozen=True, slots=True)
class DataCentre:
    """`address` goes into what is stored; in `networks` are all of its addresses, and some of its neighbours'."""

    address: str
    networks: tuple[IPv4Network | IPv6Network, ...]


def _centre(address: str, *networks: str) -> DataCentre:
    return DataCentre(address, tuple(ip_network(network) for network in networks))


DATA_CENTRES = {
    1: _centre("149.154.175.53", "149.154.175.0/24", "2001:b28:f23d:f001::/64"),
    2: _centre("149.154.167.51", "149.154.167.0/24", "95.161.76.0/24", "2001:67c:4e8:f002::/64"),
    3: _centre("149.154.175.100", "149.154.175.0/24", "2001:b28:f23d:f003::/64"),
    4: _centre("149.154.167.91", "149.154.164.0/22", "2001:67c:4e8:f004::/64"),
    5: _centre("91.108.56.130", "91.108.56.0/22", "149.154.171.0/24", "2001:b28:f23f:f005::/64"),
}
TEST_SERVERS = {"149.154.175.10", "149.154.175.40", "149.154.167.40", "149.154.175.117"}
PORT = 443
PORTS = {443, 80, 5222}


def checked_login(
    dc_id: object,
    auth_key: object,
    user_id: object = None,
    *,
    at: tuple[object, object] | None = None,
    sandbox: Sandbox | None = None,
) -> TelegramLogin:
    """The login, if nothing speaks against it; `at` is its address and port, for forms that have them.

    Raises BadSession.
    """
    if not isinstance(auth_key, bytes) or not auth_key:
        raise BadSession("it holds no login: sign in with it first, then export it again")
    if len(auth_key) != KEY_BYTES:
        raise BadSession(f"its key has {len(auth_key)} bytes, {KEY_BYTES} are expected: it was cut, export it again")
    if len(set(auth_key)) < 16:
        # 256 random bytes have about 160 different values; fewer than 16 never happens by chance.
        raise BadSession("its key is no key (nearly all of its bytes are alike): export it again")
    if not isinstance(dc_id, int) or dc_id not in DATA_CENTRES:
        raise BadSession("it names a data centre that Telegram does not have; there are 1 to 5: export it again")
    if user_id is not None and not (isinstance(user_id, int) and 0 < user_id <= MOST_USER_ID):
        raise BadSession("the user id in it is none: export it again")
    address, port = DATA_CENTRES[dc_id].address, PORT
    if at is not None and sandbox is not None and at == (sandbox.address, sandbox.port):
        address, port = sandbox.address, sandbox.port
    elif at is not None:
        _check_place(dc_id, *at)
    return TelegramLogin(dc_id, address, port, auth_key, user_id)


def _check_place(dc_id: int, address: object, port: object) -> None:
    try:
        parsed = ip_address(address) if isinstance(address, str) else None
    except ValueError:
        parsed = None
    if parsed is None:
        raise BadSession("the server address in it is no IP address: a file of Telethon's has one, export it again")
    if str(parsed) in TEST_SERVERS:
        raise BadSession("it is a login of Telegram's test servers: sign in at the real ones")
    if not any(parsed in network for network in DATA_CENTRES[dc_id].networks):
        raise BadSession(
            f"its server address is not one of Telegram's for data centre {dc_id}: whoever made this file wants the "
            "account to speak to another server; do not use it, and end that login in Telegram's settings"
        )
    if port not in PORTS:
        raise BadSession("its port is none of Telegram's (443, 80, 5222): export it again")
