"""`callboard-agent` (`python -m services.node_agent`): join a back office, run the agent, or ask how one is.

`join URL TOKEN` makes this machine a node; `run` (or nothing) runs its agent until SIGTERM. `health` reads the status
that the agent on CALLBOARD_STATE_DIR wrote with its last beat: exit status 0 if it beats, 1 if not. A bad setting ends
it with status 2 and one sentence for each; so does `run` on a machine that has not joined.
"""

import argparse
import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import structlog

from services.node_agent.domain.membership import Membership, NotJoined
from services.node_agent.joining import Ask, NotLetIn, join, request_of, taken
from services.node_agent.settings import AgentSettings
from services.node_agent.store.identity_file import IdentityFile
from services.node_agent.store.locking import FolderLock, FolderTaken
from services.node_agent.store.status_file import Healthy, Unhealthy, read_health, status_path
from shared import logging
from shared.clock import SystemClock
from shared.randomness import SystemRandomness
from shared.service import allow_many_files, hold_garbage, run_until_signal
from shared.settings import read_settings
from shared.version import installed_version

log = structlog.get_logger(__name__)


def main() -> int:
    """Parse, build, run; the exit status."""
    hold_garbage()
    given = _parser().parse_args()
    match given.command:
        case "health":
            return _health(_state_dir())
        case "join":
            return _join(given)
        case _:
            transport = getattr(given, "transport", None)
            return _run(read_settings(AgentSettings, **({"transport": transport} if transport else {})))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="callboard-agent",
        description="Run the Telegram accounts of this machine for a Callboard. `join` first; then settings come from "
        "the environment (CALLBOARD_STATE_DIR, CALLBOARD_SESSIONS_DIR, CALLBOARD_TELEGRAM__API_ID, …).",
    )
    _add_transport(parser)
    commands = parser.add_subparsers(dest="command", metavar="run|join|health")
    _add_transport(commands.add_parser("run", help="run the agent until it is ended; what is done without a command"))
    commands.add_parser("health", help="tell how the agent here is")
    joining = commands.add_parser("join", help="make this machine a node of a Callboard")
    joining.add_argument("url", help="the console's address, such as https://callboard.example")
    joining.add_argument("token", help="the one-time token that `callboard nodes enroll` printed")
    joining.add_argument("--ca", type=Path, metavar="FILE", help="certificates in PEM to trust instead of the system's")
    joining.add_argument("--request", action="store_true", help="only print what to ask, for somebody to carry")
    joining.add_argument("--answer", type=Path, metavar="FILE", help="the answer to it, that somebody has brought")
    joining.add_argument("--node-id", metavar="NODE", help="the id to have, if the token leaves it open")
    return parser


def _add_transport(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--transport",
        choices=("amqp", "http", "folder"),
        default=argparse.SUPPRESS,
        help="the way to the back office, in place of CALLBOARD_TRANSPORT: the broker, the console, or a folder that "
        "somebody carries (CALLBOARD_EXCHANGE_DIR)",
    )


def _state_dir() -> Path:
    return Path(os.environ.get("CALLBOARD_STATE_DIR") or "state")


def _join(given: argparse.Namespace) -> int:
    state_dir, lock = _state_dir(), FolderLock(_state_dir())
    try:
        # What is carried is no join yet, or comes to a machine whose agent is about to be started anew.
        if not given.request and given.answer is None:
            lock.take()
        ca = None if given.ca is None else given.ca.read_text("ascii")
        node_id = given.node_id or os.environ.get("CALLBOARD_NODE_ID")
        ask = Ask(given.url.rstrip("/"), given.token, node_id, ca, installed_version())
        identity = IdentityFile(state_dir)
        if given.request:
            print(json.dumps(request_of(ask, identity)))
            return 0
        outcome = join(ask, identity) if given.answer is None else taken(ask, identity, given.answer.read_bytes())
    except (FolderTaken, OSError, ValueError) as error:
        print(f"not joined: {error}", file=sys.stderr)
        return 1
    finally:
        lock.release()
    match outcome:
        case NotLetIn(reason):
            print(f"not joined: {reason}", file=sys.stderr)
            return 1
        case Membership(given=enrolled):
            print(
                f"This machine is node {enrolled.node_id} now; {IdentityFile(state_dir).path} says so: keep it secret."
            )
            print("Next: set CALLBOARD_TELEGRAM__API_ID and CALLBOARD_TELEGRAM__API_HASH, and start the agent:")
            print("callboard-agent run. Its accounts come from the vault: callboard sessions assign ACCOUNT NODE")
            return 0


def _run(settings: AgentSettings) -> int:
    locks = [FolderLock(folder) for folder in {settings.state_dir, settings.sessions_dir}]
    try:
        membership = IdentityFile(settings.state_dir).read()
        node_id = membership.given.node_id
        if settings.node_id not in (None, node_id):
            raise NotJoined(f"this machine is node {node_id!r}, and CALLBOARD_NODE_ID says {settings.node_id!r}")
    except NotJoined as error:
        print(error, file=sys.stderr)
        return 2
    logging.configure(f"node_agent/{node_id}", settings.log_level, settings.log_format)
    # Who joins or asks for the health, every five seconds in a container, needs none of it.
    from services.node_agent.app import build

    try:
        for lock in locks:
            lock.take()
        agent = build(settings, membership, SystemClock(), SystemRandomness())
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
