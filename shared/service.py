"""The life of a service process: run some coroutines until SIGTERM or SIGINT, or until one of them fails.

Every `__main__` ends up here. A task that fails ends the process with status 1, so that whoever supervises it
(compose, `callboard up`) starts it again; a signal ends it with status 0 after the tasks have been cancelled and
have cleaned up.
"""

import asyncio
import gc
import resource
import signal
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog

log = structlog.get_logger(__name__)

Jobs = Mapping[str, Callable[[], Coroutine[Any, Any, None]]]

# Compose's stop_grace_period is 20 s; this leaves room for the interpreter to end.
STOP_SECONDS = 8.0


# A batch of heartbeats is tens of thousands of small objects that live for a moment and have no cycles. At Python's
# threshold of 700 the collector walks all of them again and again, which took a quarter of the registry's time.
GARBAGE_THRESHOLDS = (100_000, 20, 20)


def allow_many_files() -> None:
    """Let this process hold as many sockets as the system allows: the usual limit is about a thousand."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def hold_garbage() -> None:
    """Collect no garbage until `run_until_signal`: what is loaded and built stays, and looking is a sixth of a start.

    A command that ends by itself is over before there is any to speak of.
    """
    gc.disable()


async def run_until_signal(jobs: Jobs) -> int:
    """Run the jobs side by side; the exit status."""
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.enable()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = {asyncio.create_task(job(), name=name) for name, job in jobs.items()}
    stopping = asyncio.create_task(stop.wait(), name="signal")
    done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
    status = 0
    for task in done - {stopping}:
        status = 1
        error = task.exception() if not task.cancelled() else None
        log.error("job_ended", job=task.get_name(), reason=str(error), exc_info=error)
    log.info("stopping")
    # The signal reaches the jobs in the order they were given: what takes work in stops first.
    for task in tasks:
        task.cancel()
    stopping.cancel()
    _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
    for task in late:
        log.error("job_did_not_stop", job=task.get_name())
    return status
