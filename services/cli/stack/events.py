"""What happens in the stack, told to whoever shows it. Durations are in seconds."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Starting:
    """A part is being started."""

    part: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A part is ready, so long after its start."""

    part: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Crashed:
    """A part ended or did not come up, and is started again after a pause."""

    part: str
    reason: str
    restart_seconds: float


@dataclass(frozen=True, slots=True)
class Stopping:
    """A part is being stopped."""

    part: str


@dataclass(frozen=True, slots=True)
class Said:
    """Something that the operator should know."""

    sentence: str


Event = Starting | Ready | Crashed | Stopping | Said
Listener = Callable[[Event], None]
