"""MTProto's own small talk: pings, acks, salts, states. https://core.telegram.org/mtproto/service_messages.

`answer_service_message` gives the answer to send, None for messages that want no answer, or
`NOT_A_SERVICE_MESSAGE` for what is a method call. It keeps no state: the sandbox never resends, because a
client that lost an answer asks again after its reconnect.
"""

import time
from typing import Any, Final

from services.telegram_sandbox.mtproto.tl import functions, types

NOT_A_SERVICE_MESSAGE: Final = object()

_SILENT = (types.MsgsAck, types.MsgResendReq, types.MsgsStateInfo, types.MsgsAllInfo, functions.RpcDropAnswerRequest)


def answer_service_message(msg_id: int, content: Any) -> Any:
    """The answer to a service message; see the module's docstring."""
    match content:
        case functions.PingRequest() | functions.PingDelayDisconnectRequest():
            return types.Pong(msg_id=msg_id, ping_id=content.ping_id)
        case functions.GetFutureSaltsRequest():
            return types.FutureSalts(req_msg_id=msg_id, now=int(time.time()), salts=[])
        case functions.DestroySessionRequest():
            return types.DestroySessionOk(session_id=content.session_id)
        case functions.DestroyAuthKeyRequest():
            return types.DestroyAuthKeyOk()
        case types.MsgsStateReq():
            received = "\x04" * len(content.msg_ids)
            return types.MsgsStateInfo(req_msg_id=msg_id, info=received)
        case _ if isinstance(content, _SILENT):
            return None
        case _:
            return NOT_A_SERVICE_MESSAGE
