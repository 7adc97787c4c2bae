"""Signing in with Telethon: one client for each try, on a session in memory that has no key yet.

A phone number lives in one data centre, which is told by whichever is asked first; then the try goes on there, with
another key. The sandbox is one data centre and has no other. What a client was told (phone, code, password, token) is
in its requests and nowhere else.
"""

import asyncio
import contextlib
import logging
from typing import Any

from telethon import errors, password
from telethon.tl import functions, types

from services.node_agent.domain.sign_in import PasswordWanted, SignedIn, WrongAnswer
from services.node_agent.domain.telegram import Refused
from services.node_agent.telegram.client import Loggers, PlainClient
from services.node_agent.telegram.listening import CALL_SECONDS
from services.node_agent.telegram.sessions import DATA_CENTRES, PORT, LoginSession, Place
from services.node_agent.telegram.troubles import in_our_words

TCP_SECONDS = 5.0
CONNECT_SECONDS = 20.0
DISCONNECT_SECONDS = 2.0
# Where Telegram's own apps ask first.
FIRST_CENTRE = 2
# Telegram's one prime for passwords. Telethon checks any other for hours, in a thread that nobody can stop.
PRIME = bytes.fromhex(
    "c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f48198a0aa7c14058229493d22530f4db"
    "fa336f6e0ac925139543aed44cce7c3720fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64"
    "2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4a4a695811051907e162753b56b0f6b41"
    "0dba74d8a84b2a14b3144e0ef1284754fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4"
    "e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f0d8115f635b105ee2e4e15d04b2454bf"
    "6f4fadf034b10403119cd8e3b92fcc5b"
)
# A number lives in one data centre; who is sent on again and again is sent in circles.
MOST_MOVES = 3
# A key is made of both sides' random numbers, and Telegram may want another than the one that came out.
MORE_EXCHANGES = 3

_WRONG = {
    errors.PhoneCodeInvalidError: "this is not the code that Telegram sent",
    errors.PhoneCodeEmptyError: "this is not the code that Telegram sent",
    errors.PasswordHashInvalidError: "this is not the account's two-step password",
}
_REFUSED = {
    errors.PhoneCodeExpiredError: "the code is no longer valid: begin again, and give the new one at once",
    errors.PhoneNumberInvalidError: "Telegram does not take this as a phone number: write it as +49…, all digits",
    errors.PhoneNumberBannedError: "Telegram has banned this phone number",
    errors.PhoneNumberUnoccupiedError: "no account has this phone number: make one in one of Telegram's own apps",
    errors.PhonePasswordFloodError: "Telegram takes no more tries for this number for now: wait for some hours",
    errors.AccessTokenInvalidError: "no bot has this token: ask @BotFather for it",
    errors.AccessTokenExpiredError: "the bot's token is no longer valid: ask @BotFather for another",
    errors.ApiIdInvalidError: "Telegram does not know the node's api_id: look at CALLBOARD_TELEGRAM__API_ID",
}
_MOVED = (errors.PhoneMigrateError, errors.NetworkMigrateError, errors.UserMigrateError)


class TelethonDoor:
    """Implements `domain.sign_in.SignInDoor`."""

    def __init__(self, api_id: int, api_hash: str, sandbox: Place | None = None) -> None:
        self._api = (api_id, api_hash)
        self._sandbox = sandbox
        base = logging.getLogger(__name__).getChild("telethon")
        # Whatever happens to a try is told in its report.
        base.setLevel(logging.CRITICAL)
        self._loggers = Loggers(base)

    def open(self) -> "TelethonSigningIn":
        """A new try."""
        return TelethonSigningIn(self._api, self._loggers, self._sandbox)


class TelethonSigningIn:
    """Implements `domain.sign_in.SigningIn`."""

    def __init__(self, api: tuple[int, str], loggers: Loggers, sandbox: Place | None) -> None:
        self._api = api
        self._loggers = loggers
        self._sandbox = sandbox
        self._client: Any = None
        self._session: LoginSession | None = None
        self._phone = self._code_hash = ""

    async def ask_code(self, phone: str) -> str:
        """Let Telegram send a code. Raises TelegramTrouble."""
        request = functions.auth.SendCodeRequest(phone, *self._api, types.CodeSettings())
        sent = await self._ask(request)
        if not isinstance(sent, types.auth.SentCode):
            raise Refused("Telegram wants something for this number that only its own apps can do")
        self._phone, self._code_hash = phone, sent.phone_code_hash
        return type(sent.type).__name__.removeprefix("SentCodeType").lower()

    async def give_code(self, code: str) -> SignedIn | PasswordWanted:
        """Sign in with the code. Raises TelegramTrouble."""
        try:
            found = await self._ask(functions.auth.SignInRequest(self._phone, self._code_hash, code))
        except _PasswordNeeded:
            asked = await self._ask(functions.account.GetPasswordRequest())
            return PasswordWanted(asked.hint or None)
        return await self._signed_in(found)

    async def give_password(self, secret: str) -> SignedIn:
        """Finish with the password. Raises TelegramTrouble."""
        asked = await self._ask(functions.account.GetPasswordRequest())
        if getattr(asked.current_algo, "p", None) != PRIME:
            raise Refused("Telegram asks for this password in a way that is not known here: upload a session")
        try:
            # A tenth of a second of computing.
            proof = await asyncio.to_thread(password.compute_check, asked, secret)
        except ValueError:
            raise Refused("what answers there does not ask for a password as Telegram does") from None
        return await self._signed_in(await self._ask(functions.auth.CheckPasswordRequest(proof)))

    async def give_token(self, token: str) -> SignedIn:
        """Sign in as a bot. Raises TelegramTrouble."""
        request = functions.auth.ImportBotAuthorizationRequest(0, *self._api, token)
        return await self._signed_in(await self._ask(request))

    async def close(self) -> None:
        """End the connection."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(DISCONNECT_SECONDS):
                    await client.disconnect()

    async def _signed_in(self, found: Any) -> SignedIn:
        if not isinstance(found, types.auth.Authorization):
            raise Refused("no account has this phone number: make one in one of Telegram's own apps")
        assert self._session is not None
        user = found.user
        self._session.process_entities(user)
        self._session.remember(0, (user.id, None, None, None))
        return SignedIn(self._session.content(), user.id)

    async def _ask(self, request: Any) -> Any:
        """The answer, from whichever data centre has it. Raises TelegramTrouble."""
        if self._client is None:
            await self._connect(FIRST_CENTRE)
        for _ in range(MOST_MOVES):
            try:
                return await self._once(request)
            except _Elsewhere as moved:
                await self.close()
                await self._connect(moved.dc_id)
        raise Refused("Telegram sends this sign-in from one data centre to the next: try again later")

    async def _once(self, request: Any) -> Any:
        outcome: Exception
        async with in_our_words(CALL_SECONDS):
            try:
                return await self._client(request)
            except errors.SessionPasswordNeededError:
                outcome = _PasswordNeeded()
            except _MOVED as moved:
                outcome = _Elsewhere(moved.new_dc)
            except tuple(_WRONG) as error:
                outcome = WrongAnswer(_WRONG[type(error)])
            except tuple(_REFUSED) as error:
                outcome = Refused(_REFUSED[type(error)])
        raise outcome

    async def _connect(self, dc_id: int) -> None:
        place = self._sandbox or Place(dc_id, DATA_CENTRES[dc_id], PORT)
        self._session = LoginSession(place, b"")
        self._client = PlainClient(self._session, *self._api, TCP_SECONDS, self._loggers, MORE_EXCHANGES)
        try:
            async with in_our_words(CONNECT_SECONDS):
                await self._client.connect()
        finally:
            self._client.disconnected.add_done_callback(_look_at)


class _PasswordNeeded(Exception):
    """The code was right, and there is a password besides."""


class _Elsewhere(Exception):
    """Another data centre knows the number."""

    def __init__(self, dc_id: int) -> None:
        super().__init__(dc_id)
        self.dc_id = dc_id


def _look_at(ended: Any) -> None:
    """Telethon complains about an end of which nobody asked why."""
    if not ended.cancelled():
        ended.exception()
