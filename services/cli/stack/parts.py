"""The parts of a stack that a supervisor can hold: servers, Python children, and steps.

All have the same methods. `start` returns when the part is ready; `ended` returns when it has ended by itself, with the
reason, and never for a part that has nothing more to do. `answers` is asked when something is wrong, to find out what.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, assert_never

from services.cli.embedded.errors import StartFailed
from services.cli.embedded.process import Command, OwnedProcess, ending
from services.cli.embedded.waiting import Probe, answered, http_answers, until
from services.cli.kept import private_directory
from services.cli.stack.layout import PROJECT, Home
from services.cli.stack.plan import AnswersHttp, ChildPlan, Completes, Readiness, WritesFile

READY_SECONDS = 60.0
# What a child may see of our environment besides its settings.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV")


class Part(Protocol):
    """See the module's docstring."""

    @property
    def name(self) -> str:
        """As the operator sees it."""

    @property
    def after(self) -> frozenset[str]:
        """The parts that must be ready before this one is started."""

    @property
    def running(self) -> bool:
        """Whether there is something to stop."""

    async def start(self) -> None:
        """Returns when it is ready. Raises StartFailed, and then nothing of it is left."""

    async def ended(self) -> str:
        """Returns why it ended."""

    async def answers(self) -> bool:
        """Whether it answers, or has nothing to answer; what it may be waiting for does not count."""

    async def stop(self, deadline_seconds: float) -> None:
        """Nothing of it is left afterwards."""

    async def kill(self) -> None:
        """The same at once."""


class Server(Protocol):
    """What EmbeddedPostgres and every Broker have."""

    async def start(self) -> None:
        """Returns when it answers."""

    async def answers(self) -> bool:
        """Whether it answers now; may raise like a connection."""

    async def stop(self, deadline_seconds: float) -> None:
        """Stop it."""

    async def kill(self) -> None:
        """Kill it."""

    async def wait(self) -> int:
        """Wait for its end."""


@dataclass(frozen=True, slots=True)
class ServerPart:
    """PostgreSQL or RabbitMQ; `owned` unless the operator runs it."""

    name: str
    server: Server
    after: frozenset[str] = frozenset()
    owned: bool = True

    @property
    def running(self) -> bool:
        """Our own servers are asked to stop in any case."""
        return self.owned

    async def start(self) -> None:
        """See Part."""
        await self.server.start()

    async def ended(self) -> str:
        """See Part."""
        return ending(await self.server.wait())

    async def answers(self) -> bool:
        """See Part."""
        return await answered(self.server.answers)

    async def stop(self, deadline_seconds: float) -> None:
        """See Part."""
        await self.server.stop(deadline_seconds)

    async def kill(self) -> None:
        """See Part."""
        await self.server.kill()


class StepPart:
    """Something done once by ourselves, such as asking the sandbox for accounts."""

    def __init__(self, name: str, action: Callable[[], Awaitable[None]], after: frozenset[str]) -> None:
        self.name, self.after, self._action = name, after, action

    @property
    def running(self) -> bool:
        """Never: it is done when it is ready."""
        return False

    async def start(self) -> None:
        """See Part."""
        await self._action()

    async def ended(self) -> str:
        """Never: it is done."""
        return await _never()

    async def answers(self) -> bool:
        """It has nothing to answer."""
        return True

    async def stop(self, deadline_seconds: float) -> None:
        """Nothing to stop."""

    async def kill(self) -> None:
        """Nothing to kill."""


class ChildPart:
    """A Python child as planned."""

    def __init__(self, plan: ChildPlan, home: Home) -> None:
        self.name, self.after, self._plan = plan.name, plan.after, plan
        self.process = OwnedProcess(
            Command(
                argv=(sys.executable, "-m", plan.module, *plan.arguments),
                env=inherited() | {"PYTHONUNBUFFERED": "1"} | plan.settings,
                log=home.log(plan.name),
                cwd=PROJECT,
            )
        )

    @property
    def running(self) -> bool:
        """See Part."""
        return self.process.running

    async def start(self) -> None:
        """See Part."""
        began = time.time()
        await self.process.start()
        try:
            if not await self._comes_up(self._plan.readiness, began):
                raise StartFailed(self._complaint(), self.process.log_tail())
        except BaseException:
            await self.process.kill()
            raise

    async def ended(self) -> str:
        """See Part."""
        if isinstance(self._plan.readiness, Completes):
            return await _never()
        return ending(await self.process.wait())

    async def answers(self) -> bool:
        """See Part."""
        match self._plan.readiness:
            case AnswersHttp(_, live):
                return await answered(http_answers(live))
            case _:
                return True

    async def stop(self, deadline_seconds: float) -> None:
        """See Part."""
        if self.process.pid is not None:
            await self.process.stop(deadline_seconds)

    async def kill(self) -> None:
        """See Part."""
        await self.process.kill()

    async def _comes_up(self, readiness: Readiness, began: float) -> bool:
        match readiness:
            case AnswersHttp(ready):
                return await self._until(http_answers(ready))
            case WritesFile(path):
                private_directory(path.parent)
                return await self._until(_written_since(path, began))
            case Completes():
                try:
                    return await self.process.wait_at_most(READY_SECONDS) == 0
                except TimeoutError:
                    return False
            case _ as never:
                assert_never(never)

    async def _until(self, probe: Probe) -> bool:
        return await until(probe, READY_SECONDS, lambda: not self.process.running)

    def _complaint(self) -> str:
        what = f"{self.name} is not ready after {READY_SECONDS:.0f} s"
        if not self.process.running and self.process.exit_status is not None:
            what = f"{self.name} {ending(self.process.exit_status)} before it was ready"
        return f"{what}; its log is {self.process.command.log}"


def inherited() -> dict[str, str]:
    """What a child sees of our environment besides its settings."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def _written_since(path: Path, moment: float) -> Probe:
    async def probe() -> bool:
        return _changed(path) >= moment

    return probe


def _changed(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


async def _never() -> str:
    await asyncio.Event().wait()
    return ""
