"""auth.*: signing in by code and by bot token, signing out.

Codes are never sent anywhere: the admin API shows them. There is no two-step password; the fault "rpc_error" on
auth.signIn with SESSION_PASSWORD_NEEDED plays one.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from services.telegram_sandbox.mtproto.tl import functions, make, types
from services.telegram_sandbox.rpc.call import Call, Routes, RpcFault
from services.telegram_sandbox.rpc.render import user_view
from services.telegram_sandbox.world.models import Refusal, User
from services.telegram_sandbox.world.world import phone_digits
from shared.randomness import Randomness

_MAX_CODES = 1000
_CODE_LENGTH = 5
_NAME_OF_CALLER = 64


@dataclass(frozen=True, slots=True)
class Code:
    """A code that was "sent" to a phone."""

    code: str
    code_hash: str


class Codes:
    """The newest code of each phone; the oldest phones are forgotten first."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness
        self._by_phone: OrderedDict[str, Code] = OrderedDict()

    def issue(self, phone: str) -> str:
        """Make a code for the phone; gives the hash that names it."""
        digits = "".join(self._randomness.choice("0123456789") for _ in range(_CODE_LENGTH))
        code = Code(digits, self._randomness.new_id(""))
        self._by_phone.pop(phone, None)
        self._by_phone[phone] = code
        if len(self._by_phone) > _MAX_CODES:
            self._by_phone.popitem(last=False)
        return code.code_hash

    def accept(self, phone: str, code_hash: str, code: str) -> None:
        """Raises `Refusal` PHONE_CODE_EXPIRED or PHONE_CODE_INVALID."""
        issued = self._by_phone.get(phone)
        if issued is None or issued.code_hash != code_hash:
            raise Refusal("PHONE_CODE_EXPIRED")
        if issued.code != code:
            raise Refusal("PHONE_CODE_INVALID")

    def pending(self, phone: str) -> Code | None:
        """The newest code of a phone."""
        return self._by_phone.get(phone_digits(phone))


def routes() -> Routes:
    """Which handler answers which method."""
    return {
        functions.auth.SendCodeRequest: _send_code,
        functions.auth.ResendCodeRequest: _send_code,
        functions.auth.SignInRequest: _sign_in,
        functions.auth.SignUpRequest: _sign_up,
        functions.auth.ImportBotAuthorizationRequest: _import_bot_authorization,
        functions.auth.LogOutRequest: _log_out,
    }


def _send_code(call: Call, request: Any) -> Any:
    phone = phone_digits(request.phone_number)
    if not 5 <= len(phone) <= 15:
        raise RpcFault(400, "PHONE_NUMBER_INVALID")
    code_hash = call.services.codes.issue(phone)
    return types.auth.SentCode(type=types.auth.SentCodeTypeApp(length=_CODE_LENGTH), phone_code_hash=code_hash)


def _sign_in(call: Call, request: Any) -> Any:
    phone = phone_digits(request.phone_number)
    call.services.codes.accept(phone, request.phone_code_hash, request.phone_code or "")
    user = call.world.user_by_phone(phone)
    return _signed_in(call, user) if user else types.auth.AuthorizationSignUpRequired()


def _sign_up(call: Call, request: Any) -> Any:
    name = f"{request.first_name} {request.last_name}".strip()[:_NAME_OF_CALLER]
    return _signed_in(call, call.world.add_user(name or "Somebody", phone=request.phone_number))


def _import_bot_authorization(call: Call, request: Any) -> Any:
    bot = call.world.user_by_token(request.bot_auth_token)
    if bot is None:
        raise RpcFault(400, "ACCESS_TOKEN_INVALID")
    return _signed_in(call, bot)


def _log_out(call: Call, request: Any) -> Any:
    call.services.keys.sign_out(call.key)
    return make(types.auth.LoggedOut)


def _signed_in(call: Call, user: User) -> Any:
    call.services.keys.sign_in(call.key, user.id)
    call.services.logins.signed_in(call.connection)
    call.connection.wants_updates = True
    return types.auth.Authorization(user=user_view(user, user.id))
