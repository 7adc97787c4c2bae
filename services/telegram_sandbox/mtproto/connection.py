"""One client's TCP connection, from bytes to requests and back.

The server makes one for every socket. Packets with key id zero belong to the key exchange; all others are
opened with the key they name, unpacked (containers, gzip), answered, and the answers of one packet leave in
one packet. Everything is answered synchronously, so a connection costs no task. A broken or hostile stream is
closed; an unknown key gets transport error -404; a connection under the "mute" fault is read and never answered.
"""

import asyncio
import struct
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from services.telegram_sandbox.mtproto.envelope import BadEnvelope, Opened, open_envelope, seal_envelope
from services.telegram_sandbox.mtproto.framing import BrokenStream, Framer
from services.telegram_sandbox.mtproto.handshake import Handshake, HandshakeFailed
from services.telegram_sandbox.mtproto.keys import AuthKey, ServerKey
from services.telegram_sandbox.mtproto.service_messages import NOT_A_SERVICE_MESSAGE, answer_service_message
from services.telegram_sandbox.mtproto.tl import (
    GzipPacked,
    MalformedObject,
    MessageContainer,
    encode,
    make,
    parse,
    types,
)

log = structlog.get_logger()

_CONTAINER = 0x73F1F8DC
_RPC_RESULT = 0xF35C6D01
_WRONG_SALT = 48
_UNKNOWN_KEY = -404
_GZIP_FROM = 1024
"""Answers from this size are compressed, as Telegram does."""
_MAX_UNSENT = 4 * 1024 * 1024
"""A client that does not read is cut off when this much waits for it."""


class Hub(Protocol):
    """What a connection needs of the server that made it."""

    server_key: ServerKey

    def opened(self, connection: "Connection") -> None:
        """A client has connected."""

    def closed(self, connection: "Connection") -> None:
        """It is gone."""

    def is_mute(self, connection: "Connection") -> bool:
        """Whether nothing may be answered to it."""
        ...

    def transport_error(self, connection: "Connection") -> int | None:
        """The transport error that it gets instead of every answer."""
        ...

    def key_for(self, connection: "Connection", key_id: int) -> AuthKey | None:
        """The key that its packet names."""
        ...

    def learned(self, connection: "Connection", auth_key: bytes) -> None:
        """A key exchange has ended well."""

    def call(self, connection: "Connection", request: Any) -> bytes | None:
        """TL bytes that answer a method call; None when there shall be no answer."""
        ...

    def forget(self, key: AuthKey) -> None:
        """The client has destroyed its key."""

    def next_msg_id(self, previous: int, answer: bool) -> int:
        """A message id above `previous`."""
        ...


@dataclass(frozen=True, slots=True)
class _Reply:
    body: bytes
    content_related: bool


class Connection(asyncio.Protocol):
    """See the module's docstring. `key` is set by the first encrypted packet."""

    __slots__ = (
        "_announced", "_framer", "_handshake", "_hub", "_msg_id", "_seq", "_session_id", "_transport",
        "key", "remote", "wants_updates",
    )  # fmt: skip

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._framer = Framer()
        self._handshake: Handshake | None = None
        self._transport: asyncio.Transport | None = None
        self._session_id = self._seq = self._msg_id = 0
        self._announced = False
        self.key: AuthKey | None = None
        self.remote = ""
        self.wants_updates = False

    @property
    def transport_name(self) -> str:
        """Which MTProto transport the client has chosen."""
        return self._framer.transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.remote = transport.get_extra_info("peername", ("?",))[0]
        self._hub.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._transport = None
        self._hub.closed(self)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._hub.is_mute(self):
            return
        try:
            for packet in self._framer.feed(data):
                self._on_packet(packet)
        except (BrokenStream, BadEnvelope, HandshakeFailed, MalformedObject) as error:
            log.warning("client_refused", remote=self.remote, reason=str(error))
            self.close()

    def close(self) -> None:
        """Cut the connection at once."""
        if self._transport:
            self._transport.abort()

    def push(self, body: bytes) -> None:
        """Send something the client did not ask for: an update."""
        if self.key and self._session_id and not self._hub.is_mute(self):
            self._send([_Reply(body, content_related=True)], answer=False)

    def _on_packet(self, packet: bytes) -> None:
        if len(packet) < 8:
            raise BrokenStream(f"a packet of {len(packet)} bytes")
        key_id = int.from_bytes(packet[:8], "little")
        if key_id == 0:
            self._on_plain(packet)
            return
        key = self._hub.key_for(self, key_id)
        if key is None:
            self._write(struct.pack("<i", _UNKNOWN_KEY))
            return
        self.key = key
        if (code := self._hub.transport_error(self)) is not None:
            self._write(struct.pack("<i", -code))
            return
        self._on_encrypted(key, open_envelope(key.key, packet))

    def _on_plain(self, packet: bytes) -> None:
        self._handshake = self._handshake or Handshake(self._hub.server_key)
        answer = self._handshake.answer(parse(packet[20:]))
        if answer.auth_key:
            self._hub.learned(self, answer.auth_key)
            self._handshake = None
        body = encode(answer.reply)
        self._msg_id = self._hub.next_msg_id(self._msg_id, answer=True)
        self._write(struct.pack("<qqi", 0, self._msg_id, len(body)) + body)

    def _on_encrypted(self, key: AuthKey, opened: Opened) -> None:
        if opened.session_id != self._session_id:
            self._session_id, self._seq, self._announced = opened.session_id, 0, False
        if opened.salt != key.salt:
            corrected = types.BadServerSalt(opened.msg_id, opened.seq_no, _WRONG_SALT, key.salt)
            self._send([_Reply(encode(corrected), content_related=False)])
            return
        replies = self._announcement(key, opened)
        replies += self._replies_to(opened.msg_id, parse(opened.body))
        if replies:
            self._send(replies)

    def _announcement(self, key: AuthKey, opened: Opened) -> list[_Reply]:
        if self._announced:
            return []
        self._announced = True
        created = make(types.NewSessionCreated, first_msg_id=opened.msg_id, server_salt=key.salt)
        return [_Reply(encode(created), content_related=True)]

    def _replies_to(self, msg_id: int, content: Any) -> list[_Reply]:
        if isinstance(content, MessageContainer):
            return [reply for m in content.messages for reply in self._replies_to(m.msg_id, m.obj)]
        if isinstance(content, GzipPacked):
            return self._replies_to(msg_id, parse(content.data))
        service = answer_service_message(msg_id, content)
        if service is None:
            return []
        if service is not NOT_A_SERVICE_MESSAGE:
            if isinstance(service, types.DestroyAuthKeyOk) and self.key:
                self._hub.forget(self.key)
            return [_Reply(encode(service), content_related=False)]
        result = self._hub.call(self, content)
        if result is None:
            return []
        return [_Reply(struct.pack("<Iq", _RPC_RESULT, msg_id) + _compressed(result), content_related=True)]

    def _send(self, replies: list[_Reply], answer: bool = True) -> None:
        parts = [(*self._number(reply, answer), reply.body) for reply in replies]
        if len(parts) > 1:
            inner = b"".join(struct.pack("<qii", m, s, len(body)) + body for m, s, body in parts)
            container = _Reply(struct.pack("<Ii", _CONTAINER, len(parts)) + inner, content_related=False)
            parts = [(*self._number(container, answer), container.body)]
        msg_id, seq_no, body = parts[0]
        if self.key:
            sealed = Opened(self.key.salt, self._session_id, msg_id, seq_no, body)
            self._write(seal_envelope(self.key.key, sealed))

    def _number(self, reply: _Reply, answer: bool) -> tuple[int, int]:
        self._msg_id = self._hub.next_msg_id(self._msg_id, answer)
        seq_no = self._seq * 2 + reply.content_related
        self._seq += reply.content_related
        return self._msg_id, seq_no

    def _write(self, packet: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > _MAX_UNSENT:
            log.warning("slow_client_cut_off", remote=self.remote)
            self.close()
            return
        self._transport.write(self._framer.wrap(packet))


def _compressed(body: bytes) -> bytes:
    if len(body) < _GZIP_FROM:
        return body
    packed = bytes(GzipPacked(body))
    return packed if len(packed) < len(body) else body
