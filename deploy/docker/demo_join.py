"""Lets a node of the compose demo join, once: `python demo_join.py URL NODE`, with the node's state folder mounted.

What an operator does with `callboard nodes enroll`, and the machine with `callboard-agent join`. Settings:
`CALLBOARD_TOKEN`, `CALLBOARD_STATE_DIR`.
"""

import os
import sys
import time
from pathlib import Path

import httpx

from services.node_agent.joining import Ask, NotLetIn, join
from services.node_agent.store.identity_file import IdentityFile

# The console may be healthy a moment before what is behind it.
TRIES, PAUSE_SECONDS = 15, 2.0


def main(url: str, node_id: str) -> int:
    """Join unless that is done; the exit status."""
    identity = IdentityFile(Path(os.environ["CALLBOARD_STATE_DIR"]))
    if identity.exists():
        return 0
    headers = {"authorization": f"Bearer {os.environ['CALLBOARD_TOKEN']}"}
    problem = ""
    for _ in range(TRIES):
        try:
            answer = httpx.post(f"{url}/api/v1/workers/enrolments", headers=headers, json={"node_id": node_id})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            problem = repr(error)
            time.sleep(PAUSE_SECONDS)
            continue
        outcome = join(Ask(url, answer.json()["token"]), identity)
        if not isinstance(outcome, NotLetIn):
            print(f"{node_id} has joined")
            return 0
        problem = outcome.reason
    print(f"{node_id} did not join: {problem}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
