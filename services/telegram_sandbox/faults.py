"""Injected faults: what goes wrong on request, for how many times, and for whom.

The admin API adds and clears them; the dispatcher asks before every call and the connections before every
answer. A fault without `user_id` is everybody's, one without `times` lasts until it is cleared. Faults live in
memory only: a restarted sandbox is healthy.
"""

from collections import Counter
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


class LostAnswer(_Fault):
    """`method` is carried out and its answer lost; with `cut` the connection ends instead of falling silent."""

    kind: Literal["lost_answer"] = "lost_answer"
    method: str
    cut: bool = False


class TransportFailure(_Fault):
    """Every packet is answered with this transport error, such as 429 for too many connections, and nothing else."""

    kind: Literal["transport_error"] = "transport_error"
    code: Annotated[int, Field(ge=1, le=999)]


AnyFault = FloodWait | RpcFailure | Mute | LostAnswer | TransportFailure
Fault = Annotated[AnyFault, Field(discriminator="kind")]


class Faults:
    """The active faults by id."""

    def __init__(self) -> None:
        self._active: dict[str, AnyFault] = {}
        self._met: Counter[str] = Counter()
        self._numbers = count(1)

    def add(self, fault: AnyFault) -> str:
        """Activate a fault; gives its id. Raises `TooManyFaults`."""
        if len(self._active) >= _MAX_FAULTS:
            raise TooManyFaults(f"{_MAX_FAULTS} faults are active; clear some first")
        fault_id = f"fault-{next(self._numbers)}"
        self._active[fault_id] = fault.model_copy()
        return fault_id

    def clear(self, fault_id: str) -> bool:
        """Whether there was such a fault."""
        self._met.pop(fault_id, None)
        return self._active.pop(fault_id, None) is not None

    def clear_all(self) -> None:
        """Be healthy again."""
        self._active.clear()
        self._met.clear()

    def active(self) -> dict[str, AnyFault]:
        """The active faults by id."""
        return dict(self._active)

    def met(self, fault_id: str) -> int:
        """How many calls and packets an active fault has hit."""
        return self._met[fault_id]

    def is_mute(self, user_id: int | None) -> bool:
        """Whether nothing may be answered to this user (None: a client that has not signed in)."""
        return self._taken(None, user_id, Mute) is not None

    def transport_error_for(self, user_id: int | None) -> int | None:
        """The transport error that a packet must be answered with."""
        fault = self._taken(None, user_id, TransportFailure)
        return fault.code if isinstance(fault, TransportFailure) else None

    def error_for(self, method: str, user_id: int | None) -> tuple[int, str] | None:
        """The code and error that a call must be answered with; uses up one of the fault's times."""
        fault = self._taken(method, user_id, FloodWait, RpcFailure)
        if isinstance(fault, FloodWait):
            return 420, f"FLOOD_WAIT_{fault.seconds}"
        return (fault.code, fault.error) if isinstance(fault, RpcFailure) else None

    def answer_lost(self, method: str, user_id: int | None) -> LostAnswer | None:
        """Whether the answer to a call that was carried out gets lost; uses up one of the fault's times."""
        fault = self._taken(method, user_id, LostAnswer)
        return fault if isinstance(fault, LostAnswer) else None

    def _taken(self, method: str | None, user_id: int | None, *kinds: type[AnyFault]) -> AnyFault | None:
        for fault_id, fault in self._active.items():
            if not isinstance(fault, kinds) or fault.user_id not in (None, user_id):
                continue
            if getattr(fault, "method", "*") in ("*", method):
                self._met[fault_id] += 1
                self._use_up(fault_id, fault)
                return fault
        return None

    def _use_up(self, fault_id: str, fault: AnyFault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times == 0:
            del self._active[fault_id], self._met[fault_id]
