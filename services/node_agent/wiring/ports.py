"""What an agent is made of that is not its own: what it is connected to, and what it was told to be.

`wiring.real` names the real parts; tests give twins.
"""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.node_agent.domain.deadman import NoTimer, Timer
from services.node_agent.domain.ports import Downloader, HeldLogins, KeptKeys, Offload, ScriptFiles, SessionFiles
from services.node_agent.domain.sign_in import SignInDoor
from services.node_agent.domain.telegram import Telegram
from services.node_agent.domain.trust import Trust
from services.node_agent.store.database import Connection
from services.node_agent.store.logins import Logins
from services.node_agent.store.status_file import Status
from services.node_agent.telegram.in_memory_sign_in import InMemoryDoor
from services.node_agent.use_cases.hand_back import StoredForm
from shared.clock import Clock
from shared.contracts.heartbeats import NodeFacts, Resources
from shared.messaging import Bus, Route
from shared.randomness import Randomness

# Consumes a route until it is cancelled.
Consume = Callable[[Route], Coroutine[Any, Any, None]]


class Transport(Bus, Protocol):
    """A way to the back office and from it; see `transports`."""

    async def consume(self, route: Route) -> None:
        """Consume until cancelled."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...


class StatusWriter(Protocol):
    """Where the agent's status goes."""

    def write(self, status: Status) -> None:
        """Replace the status; never raises."""
        ...


async def _nothing() -> None:
    """There is nothing to close."""


def _untold() -> None:
    """This machine is none."""


def _as_it_is(content: bytes) -> bytes:
    return content


@dataclass(frozen=True)
class Ports:
    """What the agent is connected to; `close` gives the connections back.

    `trust` says whose orders it takes, and `kept` keeps that across restarts. `logins` is where `telegram` finds the
    logins that are not among `sessions`, `door` where new ones are made. `timer` ends the process. `resources` looks
    what the machine has left.
    """

    bus: Bus
    consume: Consume
    telegram: Telegram
    sessions: SessionFiles
    open_ledger: Callable[[], Coroutine[Any, Any, Connection]]
    files: ScriptFiles
    downloader: Downloader
    offload: Offload
    status: StatusWriter
    trust: Trust
    kept: KeptKeys
    clock: Clock
    randomness: Randomness
    logins: HeldLogins = field(default_factory=Logins)
    stored_form: StoredForm = _as_it_is
    door: SignInDoor = field(default_factory=InMemoryDoor)
    timer: Timer = field(default_factory=NoTimer)
    resources: Callable[[], Resources | None] = _untold
    close: Callable[[], Awaitable[None]] = _nothing


@dataclass(frozen=True)
class NodeSettings:
    """What the agent is, whatever it is connected to; `transport` is for its status."""

    node_id: str
    facts: NodeFacts
    heartbeat_seconds: float
    transport: str = "amqp"
    script_check_seconds: float = 30.0
    login_sync_seconds: float = 600.0
