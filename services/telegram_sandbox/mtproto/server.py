"""The listening side: every connection, whose it is, and the rule against using a login twice.

`app.py` makes one server and gives it the dispatcher that answers method calls. A key that is used from two
addresses at the same time is dead for good (AUTH_KEY_DUPLICATED), as at Telegram; under the stricter rule
"connection" a second live connection is enough, and "off" allows everything.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Literal, Protocol

import structlog

from services.telegram_sandbox.faults import Faults
from services.telegram_sandbox.mtproto.connection import Connection
from services.telegram_sandbox.mtproto.keys import AuthKey, KeyRing, ServerKey

log = structlog.get_logger()

DuplicateRule = Literal["address", "connection", "off"]

_BACKLOG = 4096
"""A whole fleet may reconnect at the same moment."""


class Calls(Protocol):
    """Answers method calls with TL bytes; never raises."""

    def answer(self, connection: Connection, request: Any) -> bytes | None:
        """TL bytes for inside the rpc_result; None when there shall be no answer."""
        ...


class MtprotoServer:
    """Accepts clients; implements `Hub` for its connections."""

    def __init__(self, server_key: ServerKey, keys: KeyRing, faults: Faults, rule: DuplicateRule) -> None:
        self.server_key = server_key
        self.keys = keys
        self.faults = faults
        self._rule = rule
        self._calls: Calls | None = None
        self._listener: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._by_user: dict[int, set[Connection]] = defaultdict(set)
        self._by_key: dict[int, set[Connection]] = defaultdict(set)

    def answer_with(self, calls: Calls) -> None:
        """Who answers method calls; to be set before the first client comes."""
        self._calls = calls

    async def start(self, host: str, port: int) -> int:
        """Listen; gives the port that was bound (`port` may be 0)."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Connection(self), host, port, backlog=_BACKLOG)
        return int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._listener:
            self._listener.close()
        for connection in list(self._connections):
            connection.close()
        if self._listener:
            await self._listener.wait_closed()

    # What the admin side and the fan-out ask.

    def connections_of_user(self, user_id: int) -> Iterable[Connection]:
        """Connections that are signed in as the user, asked for updates and whose login lives."""
        held = self._by_user.get(user_id, ())
        return [c for c in held if c.wants_updates and c.key and c.key.dead is None and c.key.user_id == user_id]

    def connections_of_key(self, key: AuthKey) -> list[Connection]:
        """All connections that use the key."""
        return list(self._by_key.get(key.key_id, ()))

    @property
    def connection_count(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def drop(self, key: AuthKey) -> int:
        """Cut the key's connections; gives how many there were."""
        held = self.connections_of_key(key)
        for connection in held:
            connection.close()
        return len(held)

    def signed_in(self, connection: Connection) -> None:
        """The connection's key has a user now: its updates go there."""
        if connection.key and connection.key.user_id is not None:
            self._by_user[connection.key.user_id].add(connection)

    # Hub, for the connections.

    def opened(self, connection: Connection) -> None:
        """See `Hub`."""
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        """See `Hub`."""
        self._connections.discard(connection)
        if connection.key is None:
            return
        _discard(self._by_key, connection.key.key_id, connection)
        if connection.key.user_id is not None:
            _discard(self._by_user, connection.key.user_id, connection)

    def is_mute(self, connection: Connection) -> bool:
        """See `Hub`."""
        return self.faults.is_mute(connection.key.user_id if connection.key else None)

    def transport_error(self, connection: Connection) -> int | None:
        """See `Hub`."""
        return self.faults.transport_error_for(connection.key.user_id if connection.key else None)

    def key_for(self, connection: Connection, key_id: int) -> AuthKey | None:
        """The key that a packet names; the first packet of a connection is held against the duplicate rule."""
        key = self.keys.find(key_id)
        if key is not None and connection.key is not key:
            self._by_key[key_id].add(connection)
            self._refuse_duplicates(connection, key)
            if key.user_id is not None:
                self._by_user[key.user_id].add(connection)
        return key

    def learned(self, connection: Connection, auth_key: bytes) -> None:
        """See `Hub`."""
        self.keys.add(AuthKey(auth_key))

    def forget(self, key: AuthKey) -> None:
        """See `Hub`."""
        self.keys.forget(key)

    def call(self, connection: Connection, request: Any) -> bytes | None:
        """See `Hub`."""
        assert self._calls is not None, "the application sets it in the same turn of the loop as it listens"
        return self._calls.answer(connection, request)

    def next_msg_id(self, previous: int, answer: bool) -> int:
        """A server message id: time in the high half, 1 modulo 4 for answers and 3 for the rest, rising."""
        remainder = 1 if answer else 3
        now = time.time()
        fresh = (int(now) << 32) | (int((now % 1) * 2**32) & ~3) | remainder
        if fresh > previous:
            return fresh
        return (previous & ~3) + 4 + remainder

    def _refuse_duplicates(self, connection: Connection, key: AuthKey) -> None:
        others = [c for c in self._by_key[key.key_id] if c is not connection]
        twice = {
            "off": False,
            "connection": bool(others),
            "address": any(c.remote != connection.remote for c in others),
        }[self._rule]
        if twice and key.user_id is not None and key.dead is None:
            log.warning("login_used_twice", key=key.name, user_id=key.user_id, addresses=connection.remote)
            self.keys.kill(key, "AUTH_KEY_DUPLICATED")


def _discard(index: dict[int, set[Connection]], at: int, connection: Connection) -> None:
    held = index.get(at)
    if held is not None:
        held.discard(connection)
        if not held:
            del index[at]
