"""The agent's status for who stands at the machine: `<state>/status.json`, written with every beat.

`callboard-agent health` reads it, and so does a container's health check. The agent has no port of its own.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from services.node_agent.store.atomic import replace_file

log = structlog.get_logger(__name__)

# Three beats may be late before something is wrong; a beat may wait this long for the broker besides.
LATE_BEATS = 3
GRACE_SECONDS = 15


@dataclass(frozen=True)
class Status:
    """What is known at a beat. `broker` and `lease` are sentences; `broker` is of the way that `transport` names."""

    node_id: str
    at: str
    beat_seconds: float
    broker: str
    lease: str
    accounts: dict[str, int]
    transport: str = "amqp"
    # For who looks from outside, such as the deployer over SSH: which agent, and whether its process is still there.
    version: str = "0"
    pid: int | None = None


@dataclass(frozen=True)
class Healthy:
    """The agent beats."""

    status: Status


@dataclass(frozen=True)
class Unhealthy:
    """The agent does not beat; why."""

    reason: str


def status_path(state_dir: Path) -> Path:
    """Where the status of the agent with this state folder is."""
    return state_dir / "status.json"


class StatusFile:
    """The status at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, status: Status) -> None:
        """Replace the status; a disk that does not take it is logged, because beating goes on."""
        try:
            replace_file(self._path, (json.dumps(asdict(status), indent=2) + "\n").encode())
        except OSError as error:
            log.error("status_not_written", file=str(self._path), reason=str(error))


def read_health(path: Path, now: datetime) -> Healthy | Unhealthy:
    """Whether the agent whose status this is has beaten lately."""
    try:
        status = Status(**json.loads(path.read_bytes()))
        age = (now - datetime.fromisoformat(status.at).astimezone(UTC)).total_seconds()
    except FileNotFoundError:
        return Unhealthy(f"{path} is not there: the agent has not started, or CALLBOARD_STATE_DIR is another")
    except (OSError, ValueError, TypeError) as error:
        return Unhealthy(f"{path} cannot be read: {error}")
    if age > status.beat_seconds * LATE_BEATS + GRACE_SECONDS:
        return Unhealthy(f"the last beat was {age:.0f} s ago")
    return Healthy(status)
