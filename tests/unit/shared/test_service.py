"""The life of a service process, in a process of its own."""

import subprocess
import sys

PROGRAM = """
import asyncio, gc
from shared.service import hold_garbage, run_until_signal

async def job():
    print(gc.isenabled())

hold_garbage()
print(gc.isenabled())
print(asyncio.run(run_until_signal({"job": job})))
"""


def test_garbage_is_held_at_a_start_and_collected_while_a_service_runs() -> None:
    """One that never collects grows until the kernel ends it."""
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    lines = said.stdout.splitlines()
    # A job that ends by itself is a failure: the log says which, and the status is 1.
    assert (lines[0], lines[1], lines[-1]) == ("False", "True", "1")
    assert "job_ended" in said.stdout
