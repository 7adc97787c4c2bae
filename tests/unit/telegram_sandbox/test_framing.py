"""Cutting packets out of TCP streams, without sockets."""

import os
import struct
from zlib import crc32

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from services.telegram_sandbox.mtproto.framing import MAX_PACKET, BrokenStream, Framer

PACKETS = [b"a" * 8, b"b" * 504, b"c" * 508, b"d" * 70_000]


def abridged(packet: bytes) -> bytes:
    """One packet as the abridged transport carries it."""
    words = len(packet) // 4
    return (bytes([words]) if words < 127 else b"\x7f" + words.to_bytes(3, "little")) + packet


def intermediate(packet: bytes) -> bytes:
    """One packet after its length."""
    return struct.pack("<I", len(packet)) + packet


def padded(packet: bytes) -> bytes:
    """One packet with random bytes behind it."""
    return struct.pack("<I", len(packet) + 3) + packet + b"xyz"


def full_stream(packets: list[bytes]) -> bytes:
    """Packets as the full transport carries them."""
    frames = [struct.pack("<II", len(p) + 12, number) + p for number, p in enumerate(packets)]
    return b"".join(frame + struct.pack("<I", crc32(frame)) for frame in frames)


def obfuscated_stream(plain: bytes, tag: bytes) -> bytes:
    """A client's obfuscated2 stream."""
    header = bytearray(b"\x01" * 8 + os.urandom(48) + tag + b"\0" * 4)
    cipher = Cipher(algorithms.AES(bytes(header[8:40])), modes.CTR(bytes(header[40:56]))).encryptor()
    header[56:] = cipher.update(bytes(header))[56:]
    return bytes(header) + cipher.update(plain)


STREAMS = {
    "full": full_stream(PACKETS),
    "abridged": b"\xef" + b"".join(map(abridged, PACKETS)),
    "intermediate": b"\xee" * 4 + b"".join(map(intermediate, PACKETS)),
    "padded-intermediate": b"\xdd" * 4 + b"".join(map(padded, PACKETS)),
    "obfuscated-abridged": obfuscated_stream(b"".join(map(abridged, PACKETS)), b"\xef" * 4),
    "obfuscated-intermediate": obfuscated_stream(b"".join(map(intermediate, PACKETS)), b"\xee" * 4),
    "obfuscated-padded-intermediate": obfuscated_stream(b"".join(map(padded, PACKETS)), b"\xdd" * 4),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("step", [1, 7, 4096, 1_000_000])
def test_packets_are_the_same_however_the_bytes_arrive(name: str, step: int) -> None:
    """A packet that TCP splits, or several that it joins, would be lost or torn."""
    framer, stream = Framer(), STREAMS[name]
    packets: list[bytes] = []
    for start in range(0, len(stream), step):
        packets += framer.feed(stream[start : start + step])
    assert framer.transport == name
    assert packets == PACKETS


def test_a_wrong_checksum_breaks_the_stream() -> None:
    """Damaged bytes would reach the decryption."""
    with pytest.raises(BrokenStream, match="checksum"):
        Framer().feed(STREAMS["full"][:19] + b"\0")


@pytest.mark.parametrize(
    "head", [b"\xef\x7f\xff\xff\xff", b"\xee" * 4 + b"\xff\xff\xff\x7f", b"\xff\xff\xff\x7f" + b"\0" * 4]
)
def test_an_impossible_length_is_refused_before_it_arrives(head: bytes) -> None:
    """A client could make the sandbox wait for, and hold, gigabytes."""
    with pytest.raises(BrokenStream, match=str(MAX_PACKET)):
        Framer().feed(head)


def test_a_length_that_is_too_short_is_refused() -> None:
    """A frame shorter than its own frame fields would be cut at a negative place."""
    with pytest.raises(BrokenStream, match="too short"):
        Framer().feed(struct.pack("<II", 4, 0))


def test_nothing_can_be_sent_before_the_client_has_spoken() -> None:
    """An early answer would be framed by a guess."""
    with pytest.raises(BrokenStream, match="transport"):
        Framer().wrap(b"early")
