"""`callboard-agent` (`python -m services.node_agent`): run the agent until SIGTERM, or ask how one is.

`callboard-agent health` reads the status that the agent on CALLBOARD_STATE_DIR wrote with its last beat: exit status
0 if it beats, 1 if not. A bad setting ends it with status 2 and one sentence for each.
"""

import argparse
import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import structlog

from services.node_agent.app import build, status_path
from services.node_agent.settings import AgentSettings
from services.node_agent.store.locking import FolderLock, FolderTaken
from services.node_agent.store.status_file import Healthy, Unhealthy, read_health
from shared import logging
from shared.clock import SystemClock
from shared.randomness import SystemRandomness
from shared.service import allow_many_files, run_until_signal
from shared.settings import read_settings

log = structlog.get_logger(__name__)


def main() -> int:
    """Parse, build, run; the exit status."""
    parser = argparse.ArgumentParser(
        prog="callboard-agent",
        description="Run the Telegram accounts of this machine for a Callboard. Settings come from the environment "
        "(CALLBOARD_NODE_ID, CALLBOARD_AMQP_URL, CALLBOARD_SESSIONS_DIR, CALLBOARD_TELEGRAM__API_ID, …).",
    )
    parser.add_argument("command", nargs="?", choices=("run", "health"), default="run")
    parser.add_argument(
        "--transport",
        choices=("amqp", "http", "folder"),
        help="the way to the back office, in place of CALLBOARD_TRANSPORT: the broker (CALLBOARD_AMQP_URL), the "
        "console (CALLBOARD_URL, CALLBOARD_TOKEN), or a folder that somebody carries (CALLBOARD_EXCHANGE_DIR)",
    )
    given = parser.parse_args()
    if given.command == "health":
        return _health(Path(os.environ.get("CALLBOARD_STATE_DIR") or "state"))
    return _run(read_settings(AgentSettings, **({"transport": given.transport} if given.transport else {})))


def _run(settings: AgentSettings) -> int:
    logging.configure(f"node_agent/{settings.node_id}", settings.log_level, settings.log_format)
    locks = [FolderLock(folder) for folder in {settings.state_dir, settings.sessions_dir}]
    try:
        for lock in locks:
            lock.take()
        agent = build(settings, SystemClock(), SystemRandomness())
    except (FolderTaken, OSError, ValueError) as error:
        log.error("cannot_start", reason=str(error))
        return 1
    # Every account holds a socket.
    allow_many_files()
    return asyncio.run(run_until_signal({"agent": agent.run}))


def _health(state_dir: Path) -> int:
    match read_health(status_path(state_dir), SystemClock().now()):
        case Healthy(status):
            print(json.dumps(asdict(status)))
            return 0
        case Unhealthy(reason):
            print(reason, file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
