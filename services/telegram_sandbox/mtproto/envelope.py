"""Encrypted messages: opening what clients send and sealing what the server answers.

MTProto 2.0, https://core.telegram.org/mtproto/description: the message key is the middle of a SHA-256 over
part of the authorisation key and the padded plaintext; AES-256-IGE carries the rest. `open_envelope`
raises `BadEnvelope` for anything that was not made with the key; nothing in it is trusted before that check.
"""

import os
import struct
from dataclasses import dataclass
from hashlib import sha1, sha256

import cryptg

_CLIENT, _SERVER = 0, 8
_HEADER = struct.Struct("<qqqii")


class BadEnvelope(Exception):
    """The packet does not decrypt under the key that it names."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What one encrypted packet held."""

    salt: int
    session_id: int
    msg_id: int
    seq_no: int
    body: bytes


def digest(data: bytes) -> bytes:
    """SHA-1, which MTProto names keys and proofs with; what keeps messages safe is SHA-256 and AES."""
    return sha1(data, usedforsecurity=False).digest()


def key_id_of(auth_key: bytes) -> int:
    """The number that packets name the key by: the low 64 bits of its SHA-1."""
    return int.from_bytes(digest(auth_key)[-8:], "little")


def open_envelope(auth_key: bytes, packet: bytes) -> Opened:
    """Decrypt a client's packet (key id, message key, ciphertext). Raises `BadEnvelope`."""
    msg_key, sealed = packet[8:24], packet[24:]
    if len(msg_key) < 16 or len(sealed) < 48 or len(sealed) % 16:
        raise BadEnvelope("the packet is too short or not made of whole blocks")
    plain = cryptg.decrypt_ige(sealed, *_aes(auth_key, msg_key, _CLIENT))
    if sha256(auth_key[88:120] + plain).digest()[8:24] != msg_key:
        raise BadEnvelope("the message key does not match the content")
    salt, session_id, msg_id, seq_no, length = _HEADER.unpack_from(plain)
    if not 0 <= length <= len(plain) - _HEADER.size:
        raise BadEnvelope("the inner length is longer than the packet")
    return Opened(salt, session_id, msg_id, seq_no, plain[_HEADER.size : _HEADER.size + length])


def seal_envelope(auth_key: bytes, message: Opened) -> bytes:
    """Encrypt a message from the server to the client."""
    head = _HEADER.pack(message.salt, message.session_id, message.msg_id, message.seq_no, len(message.body))
    plain = head + message.body
    plain += os.urandom(-(len(plain) + 12) % 16 + 12)
    msg_key = sha256(auth_key[96:128] + plain).digest()[8:24]
    sealed = cryptg.encrypt_ige(plain, *_aes(auth_key, msg_key, _SERVER))
    return struct.pack("<Q", key_id_of(auth_key)) + msg_key + bytes(sealed)


def _aes(auth_key: bytes, msg_key: bytes, side: int) -> tuple[bytes, bytes]:
    a = sha256(msg_key + auth_key[side : side + 36]).digest()
    b = sha256(auth_key[side + 40 : side + 76] + msg_key).digest()
    return a[:8] + b[8:24] + a[24:32], b[:8] + a[8:24] + b[24:32]
