"""The way in: consumes the node's command queue, until the registry refuses this agent.

Two agents with one node id share that queue, and the broker deals its messages out to both. A refused agent that
stayed would take leases and scripts that are for the other one, and answer for it. So it leaves, for good: the
registry refuses a boot for as long as it knows a newer one, and only another start has a newer number.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from services.node_agent.domain.lease import Lease
from shared.alarm import Alarm

log = structlog.get_logger(__name__)


class CommandIntake:
    """Runs until cancelled. `consume` consumes until it is cancelled; `alarm` says that the registry has answered."""

    def __init__(self, consume: Callable[[], Coroutine[Any, Any, None]], lease: Lease, alarm: Alarm) -> None:
        self._consume = consume
        self._lease = lease
        self._alarm = alarm

    async def run(self) -> None:
        """Consume, and stop when the lease is refused. Raises what the consumer raises."""
        async with asyncio.TaskGroup() as group:
            consuming = group.create_task(self._consume(), name="commands")
            while self._lease.refusal is None:
                await self._alarm.wait()
            consuming.cancel()
        log.error("command_queue_left", advice="start this agent again when it is the only one with its node id")
        await asyncio.Event().wait()
