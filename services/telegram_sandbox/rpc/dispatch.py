"""From a parsed request to the bytes of its answer.

The connections call `answer` for every method. It unwraps invokeWithLayer and its kin, lets injected faults go
first, answers for dead logins, calls the area's handler, saves what changed and serialises the result. It never
raises: what goes wrong becomes an rpc_error, and a bug in a handler is a 500 that is logged with its cause.
"""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from services.telegram_sandbox.faults import Faults
from services.telegram_sandbox.mtproto.connection import Connection
from services.telegram_sandbox.mtproto.keys import AuthKey
from services.telegram_sandbox.mtproto.tl import encode, functions, method_name, types
from services.telegram_sandbox.rpc.call import Call, Handler, RpcFault, Services, fault_of
from services.telegram_sandbox.world.models import Refusal

log = structlog.get_logger()

_WRAPPERS = (
    functions.InvokeWithLayerRequest,
    functions.InitConnectionRequest,
    functions.InvokeWithoutUpdatesRequest,
    functions.InvokeAfterMsgRequest,
    functions.InvokeAfterMsgsRequest,
    functions.InvokeWithMessagesRangeRequest,
    functions.InvokeWithTakeoutRequest,
)

_OPEN_TO_STRANGERS = ("help.", "auth.", "langpack.")
"""Methods that need no login."""


class Dispatcher:
    """See the module's docstring."""

    def __init__(
        self, services: Services, routes: Mapping[Any, Handler], faults: Faults, save: Callable[[], None]
    ) -> None:
        self._services, self._routes, self._faults, self._save = services, routes, faults, save

    def answer(self, connection: Connection, request: Any) -> bytes | None:
        """TL bytes for inside the rpc_result; None when the answer gets lost."""
        quiet = False
        while isinstance(request, _WRAPPERS):
            quiet = quiet or isinstance(request, functions.InvokeWithoutUpdatesRequest)
            request = request.query
        answer = self._answer(connection, request, quiet)
        lost = self._faults.answer_lost(method_name(request), connection.key.user_id if connection.key else None)
        if lost is None:
            return answer
        if lost.cut:
            connection.close()
        return None

    def _answer(self, connection: Connection, request: Any, quiet: bool) -> bytes:
        try:
            return encode(self._result(connection, request, quiet))
        except RpcFault as fault:
            return _error(fault)
        except Refusal as refusal:
            return _error(fault_of(refusal))
        except Exception:
            log.exception("handler_failed", method=method_name(request))
            return _error(RpcFault(500, "INTERNAL"))

    def _result(self, connection: Connection, request: Any, quiet: bool) -> Any:
        key = connection.key
        assert key is not None, "only encrypted packets reach the dispatcher"
        method = method_name(request)
        self._refuse(key, method)
        handler = self._routes.get(type(request))
        if handler is None:
            log.warning("method_not_offered", method=method)
            raise RpcFault(400, "INPUT_METHOD_INVALID")
        if key.user_id is not None and method != "help.getConfig":
            connection.wants_updates = connection.wants_updates or not quiet
        try:
            return handler(Call(self._services, connection, key, self._services.now()), request)
        finally:
            self._save()

    def _refuse(self, key: AuthKey, method: str) -> None:
        """Dead logins first, then injected faults, then those who have not signed in."""
        if key.dead:
            code = 406 if key.dead == "AUTH_KEY_DUPLICATED" else 401
            # Telegram answers the configuration even on a dead login, so connect() succeeds there.
            if code == 406 or method != "help.getConfig":
                raise RpcFault(code, key.dead)
        if injected := self._faults.error_for(method, key.user_id):
            raise RpcFault(*injected)
        if key.user_id is None and not method.startswith(_OPEN_TO_STRANGERS):
            raise RpcFault(401, "AUTH_KEY_UNREGISTERED")


def _error(fault: RpcFault) -> bytes:
    return encode(types.RpcError(error_code=fault.code, error_message=fault.error))
