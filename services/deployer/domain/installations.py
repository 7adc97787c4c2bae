"""Bringing the agent to a server: what is brought, and how far the newest installation there is.

An installation outlives the request that began it, so its course is a row. One that is past its deadline has failed,
whatever it says: the deployer that was at it is gone.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.deployer.domain.server_problems import Trouble


class InstallState(StrEnum):
    """How far an installation of the agent is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Installation:
    """The newest installation on a server. One that is past its deadline counts as failed: its deployer is gone."""

    state: InstallState
    step: str
    version: str
    started_at: datetime
    deadline_at: datetime
    finished_at: datetime | None = None
    detail: str | None = None
    trouble: Trouble | None = None

    def as_of(self, now: datetime) -> "Installation":
        """What it is by now."""
        if self.state is not InstallState.RUNNING or now < self.deadline_at:
            return self
        detail = f"the deployer that was at it is gone (last step: {self.step}); install again, it does no harm"
        return replace(
            self,
            state=InstallState.FAILED,
            finished_at=self.deadline_at,
            detail=detail,
            trouble=Trouble.INSTALL_FAILED,
        )


@dataclass(frozen=True, slots=True)
class AgentBundle:
    """The agent as it is uploaded: a wheel of this version, and the hashed list of what it needs."""

    version: str
    wheel_name: str
    wheel: bytes = field(repr=False)
    requirements: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Installed:
    """An agent that runs. `way` is `systemd` or `process`."""

    version: str
    way: str


Step = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Joining:
    """How a machine becomes a node when it is reached by SSH alone: its question and the answer are carried.

    `ask` brings the question to the back office at `url`; its answer's bytes, or why the machine is not let in.
    """

    url: str
    token: str = field(repr=False)
    ask: Callable[[dict[str, Any]], Awaitable[bytes | str]]
