"""The job that keeps the links to servers: one replica runs it, elected by an advisory lock."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from services.deployer.use_cases.keep_links import STEP_SECONDS, KeepLinks

Timer = Callable[[str, Callable[[], Awaitable[None]], float], Callable[[], Coroutine[Any, Any, None]]]


class Links:
    """The job; when it is cancelled every link ends."""

    def __init__(self, keep: KeepLinks, timer: Timer) -> None:
        self._keep = keep
        self._run = timer("deployer links", keep.step, STEP_SECONDS)

    async def run(self) -> None:
        """Run until cancelled."""
        try:
            await self._run()
        finally:
            await self._keep.close()
