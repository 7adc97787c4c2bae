"""The key exchange: from `req_pq_multi` to a shared authorisation key.

    start --req_pq_multi--> challenged --req_DH_params--> offered --set_client_DH_params--> key

One `Handshake` serves one connection; it is fed parsed requests and gives answers, and hands a finished key to
its caller. Anything out of order or not made with our RSA key raises `HandshakeFailed`, which ends the connection.
https://core.telegram.org/mtproto/auth_key, with the older RSA padding (SHA-1, data, random), which Telethon uses.
"""

import os
import time
from dataclasses import dataclass
from typing import Any

import cryptg

from services.telegram_sandbox.mtproto.envelope import digest
from services.telegram_sandbox.mtproto.keys import ServerKey
from services.telegram_sandbox.mtproto.tl import MalformedObject, encode, functions, parse, types

_P, _Q = 1229739323, 1402015859
"""Two primes; their product is the puzzle that the client factors. It proves nothing here, so it is fixed."""

_G = 3
_DH_PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
"""The 2048-bit group of RFC 3526 (group 14): a safe prime that nobody need trust us for."""


class HandshakeFailed(Exception):
    """The exchange cannot go on; the connection is to be closed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back, and the key when the exchange has just ended."""

    reply: Any
    auth_key: bytes | None = None


class Handshake:
    """One exchange; see the module's docstring."""

    def __init__(self, server_key: ServerKey) -> None:
        self._server_key = server_key
        self._nonce = self._server_nonce = self._new_nonce = 0
        self._secret = 0
        self._aes: tuple[bytes, bytes] | None = None

    def answer(self, request: Any) -> Answer:
        """The answer to the next request. Raises `HandshakeFailed`."""
        if isinstance(request, functions.ReqPqMultiRequest | functions.ReqPqRequest):
            return self._challenge(request)
        if getattr(request, "nonce", None) != self._nonce or request.server_nonce != self._server_nonce:
            raise HandshakeFailed("the request belongs to no exchange on this connection")
        if isinstance(request, functions.ReqDHParamsRequest):
            return self._offer(request)
        if isinstance(request, functions.SetClientDHParamsRequest):
            return self._conclude(request)
        raise HandshakeFailed(f"{type(request).__name__} cannot be asked without a key")

    def _challenge(self, request: Any) -> Answer:
        self._nonce = request.nonce
        self._server_nonce = int.from_bytes(os.urandom(16), "little", signed=True)
        reply = types.ResPQ(
            nonce=self._nonce,
            server_nonce=self._server_nonce,
            pq=(_P * _Q).to_bytes(8, "big"),
            server_public_key_fingerprints=[self._server_key.fingerprint],
        )
        return Answer(reply)

    def _offer(self, request: Any) -> Answer:
        # 256 bytes: a zero (or the top of the padding), SHA-1 of the data, the data, random bytes.
        inner = _parsed(self._server_key.decrypt(request.encrypted_data)[21:])
        if getattr(inner, "nonce", None) != self._nonce or inner.server_nonce != self._server_nonce:
            raise HandshakeFailed("the inner data is not made with the sandbox's RSA key")
        self._new_nonce = inner.new_nonce
        self._aes = self._temporary_aes()
        self._secret = int.from_bytes(os.urandom(256), "big")
        offer = types.ServerDHInnerData(
            nonce=self._nonce,
            server_nonce=self._server_nonce,
            g=_G,
            dh_prime=_DH_PRIME.to_bytes(256, "big"),
            g_a=pow(_G, self._secret, _DH_PRIME).to_bytes(256, "big"),
            server_time=int(time.time()),
        )
        plain = encode(offer)
        plain = digest(plain) + plain
        sealed = cryptg.encrypt_ige(plain + os.urandom(-len(plain) % 16), *self._aes)
        return Answer(types.ServerDHParamsOk(self._nonce, self._server_nonce, bytes(sealed)))

    def _conclude(self, request: Any) -> Answer:
        if self._aes is None:
            raise HandshakeFailed("set_client_DH_params before req_DH_params")
        inner = _parsed(bytes(cryptg.decrypt_ige(request.encrypted_data, *self._aes))[20:])
        shared = pow(int.from_bytes(inner.g_b, "big"), self._secret, _DH_PRIME)
        auth_key = shared.to_bytes(256, "big")
        if _unusable(auth_key):
            trimmed = auth_key.lstrip(b"\0")
            return Answer(
                types.DhGenRetry(self._nonce, self._server_nonce, self._proof(trimmed, 2)),
            )
        return Answer(types.DhGenOk(self._nonce, self._server_nonce, self._proof(auth_key, 1)), auth_key)

    def _proof(self, auth_key: bytes, number: int) -> int:
        """new_nonce_hash1 (done), 2 (again) or 3 (failed)."""
        auxiliary = digest(auth_key)[:8]
        proof = digest(_nonce_bytes(self._new_nonce, 32) + bytes([number]) + auxiliary)[4:20]
        return int.from_bytes(proof, "little", signed=True)

    def _temporary_aes(self) -> tuple[bytes, bytes]:
        server, new = _nonce_bytes(self._server_nonce, 16), _nonce_bytes(self._new_nonce, 32)
        first, second, third = digest(new + server), digest(server + new), digest(new + new)
        return first + second[:12], second[12:20] + third + new[:4]


def _unusable(auth_key: bytes) -> bool:
    """Whether another key must be made: Telethon drops leading zero bytes, and so would store a shorter one."""
    return auth_key[0] == 0


def _nonce_bytes(nonce: int, size: int) -> bytes:
    return nonce.to_bytes(size, "little", signed=True)


def _parsed(data: bytes) -> Any:
    try:
        return parse(data)
    except MalformedObject as error:
        raise HandshakeFailed("the encrypted part does not parse; is the client using this sandbox's key?") from error
