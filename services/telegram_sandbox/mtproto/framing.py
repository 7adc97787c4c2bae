"""Transports: how packets are cut out of a TCP stream. No sockets here.

A `Framer` is fed what arrives and gives whole packets; it learns the transport from the first bytes:
`ef` abridged, `eeeeeeee` intermediate, `dddddddd` padded intermediate, a length followed by sequence
number zero is the full transport, and anything else is an obfuscated2 header of 64 bytes that hides one
of the first three. Packets are bounded; a broken stream raises `BrokenStream` and the connection ends.
See https://core.telegram.org/mtproto/mtproto-transports.
"""

import struct
from typing import Protocol
from zlib import crc32

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MAX_PACKET = 1_100_000
"""Telegram's containers end at 1 MiB; a little more covers the frame around them."""

_OBFUSCATION_HEADER = 64


class BrokenStream(Exception):
    """The peer does not speak a transport we know, or sent an impossible length or checksum."""


class Codec(Protocol):
    """Cuts packets from a buffer and wraps them."""

    name: str

    def take(self, buffer: bytearray) -> bytes | None:
        """Remove and return the first whole packet, or None when more bytes are needed."""
        ...

    def wrap(self, packet: bytes) -> bytes:
        """The bytes to send for one packet."""
        ...


class Abridged:
    """One length byte in words of four, or 7f and three bytes."""

    name = "abridged"

    def take(self, buffer: bytearray) -> bytes | None:
        """See `Codec`."""
        if not buffer:
            return None
        words, start = buffer[0] & 0x7F, 1
        if words == 0x7F:
            if len(buffer) < 4:
                return None
            words, start = int.from_bytes(buffer[1:4], "little"), 4
        return _cut(buffer, start, words * 4)

    def wrap(self, packet: bytes) -> bytes:
        """See `Codec`."""
        words = len(packet) >> 2
        head = bytes([words]) if words < 0x7F else b"\x7f" + words.to_bytes(3, "little")
        return head + packet


class Intermediate:
    """Four length bytes; the padded form carries up to three random bytes more."""

    def __init__(self, padded: bool = False) -> None:
        self.name = "padded-intermediate" if padded else "intermediate"
        self._padded = padded

    def take(self, buffer: bytearray) -> bytes | None:
        """See `Codec`."""
        if len(buffer) < 4:
            return None
        packet = _cut(buffer, 4, int.from_bytes(buffer[:4], "little") & 0x7FFFFFFF)
        if packet is not None and self._padded:
            return packet[: len(packet) - len(packet) % 4]
        return packet

    def wrap(self, packet: bytes) -> bytes:
        """See `Codec`."""
        return struct.pack("<I", len(packet)) + packet


class Full:
    """Length, sequence number and CRC-32 around every packet."""

    name = "full"

    def __init__(self) -> None:
        self._sent = 0

    def take(self, buffer: bytearray) -> bytes | None:
        """See `Codec`."""
        if len(buffer) < 4:
            return None
        length = int.from_bytes(buffer[:4], "little")
        if length < 12:
            raise BrokenStream(f"full transport: length {length} is too short")
        frame = _cut(buffer, 0, length)
        if frame is None:
            return None
        if crc32(frame[:-4]) != int.from_bytes(frame[-4:], "little"):
            raise BrokenStream("full transport: wrong checksum")
        return frame[8:-4]

    def wrap(self, packet: bytes) -> bytes:
        """See `Codec`."""
        frame = struct.pack("<II", len(packet) + 12, self._sent) + packet
        self._sent += 1
        return frame + struct.pack("<I", crc32(frame))


class Framer:
    """One connection's stream in both directions; see the module's docstring."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._codec: Codec | None = None
        self._cipher: _Obfuscation | None = None

    @property
    def transport(self) -> str:
        """The transport's name, or "unknown" before the first bytes."""
        if self._codec is None:
            return "unknown"
        return f"obfuscated-{self._codec.name}" if self._cipher else self._codec.name

    def feed(self, received: bytes) -> list[bytes]:
        """Whole packets completed by these bytes. Raises `BrokenStream`."""
        self._buffer += self._cipher.decrypt(received) if self._cipher else received
        if self._codec is None:
            self._codec = self._recognise()
        packets: list[bytes] = []
        while self._codec and (packet := self._codec.take(self._buffer)) is not None:
            packets.append(packet)
        return packets

    def wrap(self, packet: bytes) -> bytes:
        """The bytes to send for one packet. The transport must be known."""
        if self._codec is None:
            raise BrokenStream("nothing can be sent before the client has chosen a transport")
        framed = self._codec.wrap(packet)
        return self._cipher.encrypt(framed) if self._cipher else framed

    def _recognise(self) -> Codec | None:
        head = bytes(self._buffer[:8])
        if head[:1] == b"\xef":
            del self._buffer[:1]
            return Abridged()
        if len(head) < 8:
            return None
        if codec := _by_tag(head[:4]):
            del self._buffer[:4]
            return codec
        if head[4:] == b"\0\0\0\0":
            return Full()
        return self._recognise_obfuscated()

    def _recognise_obfuscated(self) -> Codec | None:
        if len(self._buffer) < _OBFUSCATION_HEADER:
            return None
        header = bytes(self._buffer[:_OBFUSCATION_HEADER])
        cipher = _Obfuscation(header)
        codec = _by_tag(cipher.tag)
        if codec is None:
            raise BrokenStream("the first bytes belong to no known transport")
        self._cipher = cipher
        self._buffer = bytearray(cipher.decrypt(bytes(self._buffer[_OBFUSCATION_HEADER:])))
        return codec


class _Obfuscation:
    """obfuscated2: AES-CTR both ways, with keys from the client's own header."""

    def __init__(self, header: bytes) -> None:
        mirrored = header[55:7:-1]
        self._incoming = Cipher(algorithms.AES(header[8:40]), modes.CTR(header[40:56])).decryptor()
        self._outgoing = Cipher(algorithms.AES(mirrored[:32]), modes.CTR(mirrored[32:48])).encryptor()
        self.tag = self._incoming.update(header)[56:60]

    def decrypt(self, received: bytes) -> bytes:
        """What the client sent."""
        return self._incoming.update(received)

    def encrypt(self, framed: bytes) -> bytes:
        """What the client is to be sent."""
        return self._outgoing.update(framed)


def _by_tag(tag: bytes) -> Codec | None:
    if tag == b"\xef" * 4:
        return Abridged()
    if tag == b"\xee" * 4:
        return Intermediate()
    if tag == b"\xdd" * 4:
        return Intermediate(padded=True)
    return None


def _cut(buffer: bytearray, start: int, length: int) -> bytes | None:
    if length > MAX_PACKET:
        raise BrokenStream(f"a packet of {length} bytes is longer than {MAX_PACKET}")
    if len(buffer) < start + length:
        return None
    packet = bytes(buffer[start : start + length])
    del buffer[: start + length]
    return packet
