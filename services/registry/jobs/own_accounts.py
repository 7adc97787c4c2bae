"""Every replica reads the fleet's Telegram user ids again every few seconds, to tell nodes that know others."""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from services.registry.use_cases.own_accounts import OwnAccounts
from shared.clock import Clock
from shared.messaging import Unavailable

log = structlog.get_logger(__name__)

# How long a new account may be unknown to the other nodes: this, and one of their beats.
REFRESH_SECONDS = 5.0


def refresh_own_accounts(own_accounts: OwnAccounts, clock: Clock) -> Callable[[], Coroutine[Any, Any, None]]:
    """The job."""

    async def run() -> None:
        while True:
            try:
                await own_accounts.refresh()
            except Unavailable as error:
                log.warning("own_accounts_wait", reason=str(error))
            await clock.sleep(REFRESH_SECONDS)

    return run
