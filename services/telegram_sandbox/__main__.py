"""`python -m services.telegram_sandbox`: run the sandbox until SIGTERM.

Settings come from the environment (`CALLBOARD_SANDBOX_…`, `CALLBOARD_TOKEN`). It says what it is: not Telegram.
"""

import asyncio

import structlog

from services.telegram_sandbox.settings import CommonSettings, SandboxSettings
from shared import logging
from shared.clock import SystemClock
from shared.http import serve
from shared.randomness import SystemRandomness
from shared.service import allow_many_files, hold_garbage, run_until_signal
from shared.settings import read_settings


async def _run(common: CommonSettings, settings: SandboxSettings) -> int:
    # What is loaded from here on is not searched for garbage.
    from services.telegram_sandbox.app import BadWorldFile, Sandbox
    from services.telegram_sandbox.world.models import Refusal

    log = structlog.get_logger(__name__)
    sandbox = Sandbox(settings, SystemClock(), SystemRandomness())
    try:
        await sandbox.start()
        admin = sandbox.admin_api(common.token)
        return await run_until_signal(
            {
                "admin": lambda: serve(admin, settings.admin_host, settings.admin_port),
                "audience": sandbox.audience.run,
            }
        )
    except OSError as error:
        log.error("cannot_start", reason=str(error), advice="set CALLBOARD_SANDBOX_PORT or _WORLD_FILE otherwise")
        return 1
    except (BadWorldFile, Refusal) as error:
        log.error("cannot_start", reason=str(error), advice="correct the file that CALLBOARD_SANDBOX_WORLD_FILE names")
        return 1
    finally:
        await sandbox.stop()


def main() -> int:
    """Run; gives the exit status."""
    hold_garbage()
    common, settings = read_settings(CommonSettings), read_settings(SandboxSettings)
    logging.configure("telegram-sandbox", common.log_level, common.log_format)
    allow_many_files()
    return asyncio.run(_run(common, settings))


if __name__ == "__main__":
    raise SystemExit(main())
