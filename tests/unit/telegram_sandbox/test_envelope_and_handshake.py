"""Encrypted messages and the key exchange, without sockets."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from telethon.crypto import AuthKey
from telethon.network.mtprotostate import MTProtoState

from services.telegram_sandbox.mtproto.envelope import BadEnvelope, Opened, open_envelope, seal_envelope
from services.telegram_sandbox.mtproto.handshake import _DH_PRIME, _P, _Q, Handshake, HandshakeFailed
from services.telegram_sandbox.mtproto.keys import AuthKey as ServerSideKey
from services.telegram_sandbox.mtproto.keys import KeyRing, ServerKey
from services.telegram_sandbox.mtproto.tl import functions, types

KEY = os.urandom(256)


class Silent(dict[str, Any]):
    """Telethon wants a logger for each module."""

    def __missing__(self, name: str) -> Any:
        return logging.getLogger(name)


def test_what_telethon_seals_opens() -> None:
    """The sandbox and Telethon would disagree on keys, padding or fields."""
    state = MTProtoState(AuthKey(KEY), Silent())
    state.salt = 42
    packet = state.encrypt_message_data(b"\x01\0\0\0\0\0\0\0\x03\0\0\0\x04\0\0\0body")
    opened = open_envelope(KEY, packet)
    assert opened == Opened(salt=42, session_id=state.id, msg_id=1, seq_no=3, body=b"body")


def test_a_changed_byte_is_noticed() -> None:
    """A forged packet would be acted on."""
    packet = bytearray(MTProtoState(AuthKey(KEY), Silent()).encrypt_message_data(b"\0" * 16))
    packet[-1] ^= 1
    with pytest.raises(BadEnvelope, match="message key"):
        open_envelope(KEY, bytes(packet))


@pytest.mark.parametrize("size", [0, 8, 24, 39, 73])
def test_a_short_or_crooked_packet_is_refused(size: int) -> None:
    """A truncated packet would raise something unforeseen."""
    with pytest.raises(BadEnvelope):
        open_envelope(KEY, b"\x01" * size)


def test_a_sealed_answer_does_not_open_as_a_question() -> None:
    """Mirrored packets would be taken for a client's."""
    sealed = seal_envelope(KEY, Opened(1, 2, 3, 4, b"body"))
    with pytest.raises(BadEnvelope):
        open_envelope(KEY, sealed)


def test_the_group_is_a_safe_prime_and_the_puzzle_can_be_solved() -> None:
    """A typing error in the constants would make every key weak, or every exchange fail."""
    assert _DH_PRIME.bit_length() == 2048
    for probable in (_DH_PRIME, (_DH_PRIME - 1) // 2):
        assert all(pow(base, probable - 1, probable) == 1 for base in (2, 3, 5))
    assert all(n % d for n in (_P, _Q) for d in range(2, int(n**0.5) + 1))


def test_steps_out_of_order_end_the_exchange(tmp_path: Path) -> None:
    """A client could skip the proof that it knows the sandbox's key."""
    handshake = Handshake(ServerKey.load_or_create(tmp_path / "key.pem"))
    asked = handshake.answer(functions.ReqPqMultiRequest(nonce=7)).reply
    assert isinstance(asked, types.ResPQ)
    with pytest.raises(HandshakeFailed, match="before"):
        handshake.answer(functions.SetClientDHParamsRequest(7, asked.server_nonce, b"x" * 16))
    with pytest.raises(HandshakeFailed, match="no exchange"):
        handshake.answer(functions.ReqDHParamsRequest(8, asked.server_nonce, b"", b"", 0, b""))
    with pytest.raises(HandshakeFailed, match="sandbox's key"):
        handshake.answer(functions.ReqDHParamsRequest(7, asked.server_nonce, b"", b"", 0, b"\x07" * 256))


def test_the_server_key_is_kept_and_private(tmp_path: Path) -> None:
    """Agents that pinned the key would not know the sandbox after its restart."""
    path = tmp_path / "state" / "key.pem"
    made, read = ServerKey.load_or_create(path), ServerKey.load_or_create(path)
    assert made.public_pem == read.public_pem
    assert made.public_pem.startswith("-----BEGIN RSA PUBLIC KEY-----")
    assert path.stat().st_mode & 0o077 == 0


def test_a_forgotten_key_is_unknown_and_a_killed_one_stays_dead() -> None:
    """A lost login would come back to life."""
    ring = KeyRing()
    key = ring.add(ServerSideKey(KEY, user_id=1))
    ring.kill(key, "SESSION_REVOKED")
    assert ring.add(ServerSideKey(KEY, user_id=1)).dead == "SESSION_REVOKED"
    ring.forget(key)
    assert ring.find(key.key_id) is None
    assert ring.named("no hex") is None
