"""Injected faults: what goes wrong on request, for how many times, and for whom.

The admin API adds and clears them; the dispatcher asks before every call and the connections before every
answer. A fault without `user_id` is everybody's, one without `times` lasts until it is cleared. Faults live in
memory only: a restarted sandbox is healthy.
"""

from itertools import count
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_MAX_FAULTS = 1000


class TooManyFaults(Exception):
    """More faults are active than make sense; clear some first."""


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: int | None = None
    times: Annotated[int, Field(ge=1)] | None = None


class FloodWait(_Fault):
    """`method` (such as "messages.sendMessage", or "*") answers FLOOD_WAIT_<seconds>."""

    kind: Literal["flood_wait"] = "flood_wait"
    method: str
    seconds: Annotated[int, Field(ge=0, le=86_400)]


class RpcFailure(_Fault):
    """`method` answers with this error, such as 403 CHAT_WRITE_FORBIDDEN or 400 PEER_FLOOD."""

    kind: Literal["rpc_error"] = "rpc_error"
    method: str
    code: Annotated[int, Field(ge=-999, le=999)]
    error: Annotated[str, Field(pattern=r"^[A-Z0-9_]{1,64}$")]


class Mute(_Fault):
    """Connections are accepted and read, and nothing is ever answered."""

    kind: Literal["mute"] = "mute"


Fault = Annotated[FloodWait | RpcFailure | Mute, Field(discriminator="kind")]


class Faults:
    """The active faults by id."""

    def __init__(self) -> None:
        self._active: dict[str, FloodWait | RpcFailure | Mute] = {}
        self._numbers = count(1)

    def add(self, fault: FloodWait | RpcFailure | Mute) -> str:
        """Activate a fault; gives its id. Raises `TooManyFaults`."""
        if len(self._active) >= _MAX_FAULTS:
            raise TooManyFaults(f"{_MAX_FAULTS} faults are active; clear some first")
        fault_id = f"fault-{next(self._numbers)}"
        self._active[fault_id] = fault.model_copy()
        return fault_id

    def clear(self, fault_id: str) -> bool:
        """Whether there was such a fault."""
        return self._active.pop(fault_id, None) is not None

    def clear_all(self) -> None:
        """Be healthy again."""
        self._active.clear()

    def active(self) -> dict[str, FloodWait | RpcFailure | Mute]:
        """The active faults by id."""
        return dict(self._active)

    def is_mute(self, user_id: int | None) -> bool:
        """Whether nothing may be answered to this user (None: a client that has not signed in)."""
        if not self._active:
            return False
        return any(
            isinstance(fault, Mute) and (fault.user_id is None or fault.user_id == user_id)
            for fault in self._active.values()
        )

    def error_for(self, method: str, user_id: int | None) -> tuple[int, str] | None:
        """The code and error that a call must be answered with; uses up one of the fault's times."""
        for fault_id, fault in self._active.items():
            if isinstance(fault, Mute) or fault.method not in ("*", method):
                continue
            if fault.user_id is not None and fault.user_id != user_id:
                continue
            self._use_up(fault_id, fault)
            if isinstance(fault, FloodWait):
                return 420, f"FLOOD_WAIT_{fault.seconds}"
            return fault.code, fault.error
        return None

    def _use_up(self, fault_id: str, fault: FloodWait | RpcFailure | Mute) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times == 0:
            del self._active[fault_id]
