"""The deployer's keys: every replica reads them every few seconds, and says which ones nodes shall trust.

It says so when they are other ones than before, and now and then, for a registry whose database was restored. Until the
first reading nothing can be signed, so that comes at once.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from services.deployer.domain.signing_keys import NoKeys
from services.deployer.jobs.links import Timer
from services.deployer.use_cases.keep_trust import STEP_SECONDS, KeepTrust
from services.deployer.use_cases.keys import DeployerKeys
from shared.clock import Clock
from shared.contracts.keys import KeysAnnounced, TrustedKeys
from shared.messaging import Bus, PublishFailed, Unavailable

log = structlog.get_logger(__name__)

Job = Callable[[], Coroutine[Any, Any, None]]

READ_SECONDS = 1.0
ANNOUNCE_SECONDS = 60.0


def keep_keys(keys: DeployerKeys, bus: Bus, clock: Clock) -> Job:
    """The job of every replica."""

    async def run() -> None:
        said: TrustedKeys | None = None
        say_at, away = 0.0, False
        while True:
            try:
                await keys.refresh()
                trusted = keys.opened.trusted
                if trusted != said or clock.monotonic() >= say_at:
                    await bus.publish(KeysAnnounced(keys=trusted, at=clock.now()))
                    said, say_at = trusted, clock.monotonic() + ANNOUNCE_SECONDS
                away = False
            except (Unavailable, PublishFailed, NoKeys) as error:
                if not away:
                    log.warning("keys_wait", reason=str(error))
                away = True
            await clock.sleep(READ_SECONDS)

    return run


def keep_trust(keep: KeepTrust, timer: Timer) -> Job:
    """The job of one replica."""
    return timer("deployer.trust", keep.step, STEP_SECONDS)
