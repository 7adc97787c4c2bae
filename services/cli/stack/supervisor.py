"""Keeps the parts of a stack running: starts each when those before it are ready, restarts what ends, stops all.

States of a part: waiting → starting → ready → (ended → pause → starting)*. A part that has never been ready may fail
`FIRST_STARTS` times; then the stack cannot start, `run` raises StackFailed and everything is stopped. A part that was
ready once is restarted for ever, with a pause that doubles from half a second to ten and is short again after half
a minute of health.

Stopping goes the other way: a part is stopped when all that were started after it are gone. The whole takes at most
`STOP_SECONDS`; what is left then is killed. `kill_all` does that at once.
"""

import asyncio
import time
from collections.abc import Sequence

from services.cli.embedded.errors import StartFailed
from services.cli.stack.events import Crashed, Listener, Ready, Starting, Stopping
from services.cli.stack.parts import Part

FIRST_STARTS = 3
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
HEALTHY_SECONDS = 30.0
# The promise is 15 s; the rest is for the kernel and for Python to end.
STOP_SECONDS = 13.5
# No wave of parts gets less, however slow those before it were.
LEAST_STOP_SECONDS = 2.0


class StackFailed(Exception):
    """The stack cannot start. The message is one sentence; `log_tail` holds the last lines of the culprit."""

    def __init__(self, sentence: str, log_tail: str) -> None:
        super().__init__(sentence)
        self.log_tail = log_tail


class Supervisor:
    """See the module's docstring. `run` until cancelled, then `stop_all`; once each."""

    def __init__(self, parts: Sequence[Part], tell: Listener) -> None:
        self._parts, self._tell = parts, tell
        self._ready = {part.name: asyncio.Event() for part in parts}
        self._away = {part.name for part in parts}

    async def run(self) -> None:
        """Start and keep all parts. Returns never; raises StackFailed."""
        try:
            async with asyncio.TaskGroup() as group:
                for part in self._parts:
                    group.create_task(self._keep(part), name=part.name)
        except ExceptionGroup as failures:
            # Not `except*`: what is raised inside it comes out as a group on Debian's Python 3.11.2.
            failed, others = failures.split(StartFailed)
            if failed is None or others is not None:
                raise
            raise StackFailed(*_last_words(failed)) from None

    async def all_ready(self) -> None:
        """Wait until every part has been ready once."""
        for event in self._ready.values():
            await event.wait()

    async def complaints(self) -> list[str]:
        """What is down or mute, a sentence each; empty when all answer. What only waits for it is not blamed."""
        told = await asyncio.gather(*(self._complaint(part) for part in self._parts))
        return [sentence for sentence in told if sentence]

    async def stop_all(self) -> None:
        """Stop everything in reverse order; call it when `run` is over."""
        deadline = time.monotonic() + STOP_SECONDS
        waves = stop_waves(self._parts)
        for left, wave in zip(range(len(waves), 0, -1), waves, strict=True):
            budget = deadline - time.monotonic() - LEAST_STOP_SECONDS * (left - 1)
            await asyncio.gather(*(self._stop(part, max(budget, LEAST_STOP_SECONDS)) for part in wave))

    async def kill_all(self) -> None:
        """End everything at once."""
        await asyncio.gather(*(part.kill() for part in self._parts))

    async def _keep(self, part: Part) -> None:
        for name in sorted(part.after):
            await self._ready[name].wait()
        pause, failures = FIRST_PAUSE_SECONDS, 0
        while True:
            began = time.monotonic()
            try:
                await self._start(part)
                reason = await part.ended()
            except StartFailed as failed:
                failures += 1
                if not self._ready[part.name].is_set() and failures >= FIRST_STARTS:
                    raise
                reason = str(failed)
            self._away.add(part.name)
            if time.monotonic() - began > HEALTHY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._tell(Crashed(part.name, reason, pause))
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _start(self, part: Part) -> None:
        self._tell(Starting(part.name))
        began = time.monotonic()
        await part.start()
        self._ready[part.name].set()
        self._away.discard(part.name)
        self._tell(Ready(part.name, time.monotonic() - began))

    async def _complaint(self, part: Part) -> str:
        if part.name in self._away:
            return f"{part.name} is down and is started again"
        return "" if await part.answers() else f"{part.name} runs but does not answer"

    async def _stop(self, part: Part, deadline_seconds: float) -> None:
        if part.running:
            self._tell(Stopping(part.name))
        await part.stop(deadline_seconds)


def stop_waves(parts: Sequence[Part]) -> list[list[Part]]:
    """The parts in the order of stopping: each wave holds what nothing that still runs has waited for."""
    left = {part.name: part for part in parts}
    waves = []
    while left:
        needed = {name for part in left.values() for name in part.after}
        wave = [part for part in left.values() if part.name not in needed]
        if not wave:
            raise ValueError(f"parts wait for each other in a circle: {', '.join(sorted(left))}")
        waves.append(wave)
        for part in wave:
            del left[part.name]
    return waves


def _last_words(failed: ExceptionGroup[StartFailed]) -> tuple[str, str]:
    """Why the first part did not come up, and the end of its log."""
    first: StartFailed | ExceptionGroup[StartFailed] = failed
    while isinstance(first, ExceptionGroup):
        first = first.exceptions[0]
    return str(first), first.log_tail
