"""What the operator can choose about `callboard up`. The Typer command fills this in."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StackOptions:
    """Intervals are in seconds."""

    amqp_url: str | None = None
    """A RabbitMQ that the operator runs; None means: find or make one."""
    management_url: str | None = None
    """Its management API; None means: on the same host, at the usual port."""
    console_port: int | None = None
    """That port or none; None means: the usual one, or a free one if that is taken."""
    log_level: str = "INFO"
    lease_seconds: float = 30.0
    # Half of an agent's default: whoever watches a demo wants to see it move.
    heartbeat_seconds: float = 5.0
    first_script: Path | None = Path("examples/scripts/welcome-desk.yaml")
    """Relative to the project's root; None pushes no script."""
    plain: bool = False
    """Plain lines although there is a terminal."""
