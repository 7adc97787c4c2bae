"""The two-step password, as Telegram checks it (SRP), which the sandbox does not: the server's half is here."""

import hashlib
from typing import Any

import pytest
from telethon import errors
from telethon.tl import functions, types

from services.node_agent.domain.sign_in import SignedIn, WrongAnswer
from services.node_agent.domain.telegram import Refused
from services.node_agent.telegram.sessions import LoginSession, Place
from services.node_agent.telegram.sign_in import PRIME, TelethonDoor, TelethonSigningIn

PASSWORD, SECRET, G = "correct horse", int.from_bytes(hashlib.sha512(b"a server's secret").digest() * 4), 3
P = int.from_bytes(PRIME)
ALGORITHM = types.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow(b"salt one", b"salt two", G, PRIME)


def sha(*parts: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(b"".join(parts)).digest()


def long(number: int) -> bytes:
    """As SRP writes numbers here."""
    return number.to_bytes(256)


class Server:
    """Answers a client as Telegram does, for one account with a password."""

    def __init__(self, algorithm: Any = ALGORITHM) -> None:
        salt1, salt2 = ALGORITHM.salt1, ALGORITHM.salt2
        once = sha(salt2, sha(salt1, PASSWORD.encode(), salt1), salt2)
        stretched = hashlib.pbkdf2_hmac("sha512", once, salt1, 100_000)
        self._verifier = pow(G, int.from_bytes(sha(salt2, stretched, salt2)), P)
        factor = int.from_bytes(sha(PRIME, long(G)))
        self._public = (factor * self._verifier + pow(G, SECRET, P)) % P
        self._algorithm = algorithm

    async def __call__(self, request: Any) -> Any:
        match request:
            case functions.account.GetPasswordRequest():
                return types.account.Password(
                    new_algo=types.PasswordKdfAlgoUnknown(),
                    new_secure_algo=types.SecurePasswordKdfAlgoUnknown(),
                    secure_random=b"",
                    has_password=True,
                    current_algo=self._algorithm,
                    srp_B=long(self._public),
                    srp_id=7,
                    hint="a horse",
                )
            case functions.auth.CheckPasswordRequest(password=proof):
                if proof.srp_id != 7 or self._proof(proof.A) != proof.M1:
                    raise errors.PasswordHashInvalidError(request)
                return types.auth.Authorization(types.User(77, first_name="Nell"))
        raise AssertionError(request)

    def _proof(self, theirs: bytes) -> bytes:
        mix = int.from_bytes(sha(theirs, long(self._public)))
        shared = pow(int.from_bytes(theirs) * pow(self._verifier, mix, P), SECRET, P)
        both = bytes(one ^ other for one, other in zip(sha(PRIME), sha(long(G)), strict=True))
        salts = sha(ALGORITHM.salt1), sha(ALGORITHM.salt2)
        return sha(both, *salts, theirs, long(self._public), sha(long(shared)))


def at(server: Server) -> TelethonSigningIn:
    """A try that has come as far as the password."""
    signing = TelethonDoor(1, "hash").open()
    signing._client = server
    signing._session = LoginSession(Place(2, "149.154.167.51", 443), b"k" * 256)
    return signing


async def test_the_right_password_signs_in() -> None:
    """Accounts that are well kept could not sign in."""
    done = await at(Server()).give_password(PASSWORD)
    assert isinstance(done, SignedIn) and done.user_id == 77


async def test_a_wrong_password_may_be_given_again() -> None:
    """Who mistypes once would have to begin anew, with another code."""
    signing = at(Server())
    with pytest.raises(WrongAnswer, match="not the account's two-step password"):
        await signing.give_password("another")
    assert isinstance(await signing.give_password(PASSWORD), SignedIn)


async def test_another_way_to_ask_for_it_is_told() -> None:
    """A way that Telegram will have some day would be told as a mistake of the agent's."""
    with pytest.raises(Refused, match="not known here"):
        await at(Server(types.PasswordKdfAlgoUnknown())).give_password(PASSWORD)
