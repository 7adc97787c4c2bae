"""Looks at the script files every so often; between two looks a damaged file is not known."""

from services.node_agent.use_cases.look_at_files import LookAtFiles
from shared.clock import Clock


async def watch_script_files(look: LookAtFiles, seconds: float, clock: Clock) -> None:
    """Run until cancelled."""
    while True:
        await clock.sleep(seconds)
        await look()
