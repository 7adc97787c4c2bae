"""Whether it is our caller who cancels, and whether it has.

Clients make this hard in both directions. aio-pika and Telethon also cancel whoever waits on a link that dies under it:
that is an error like any other. And a cancellation can be lost on its way: Python 3.11's `wait_for`, which aiormq uses,
returns the answer instead when that comes in the same moment, and aiormq raises the link's error when the link dies in
it. So a loop around such a client looks for itself whether it goes on.
"""

import asyncio


def cancelled_by_caller() -> bool:
    """Whether the caller has cancelled the current task, by whatever exception that came here, or by none."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
