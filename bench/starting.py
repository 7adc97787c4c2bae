"""`callboard up` on a home that is there: seconds until all is ready, and until all has ended after Ctrl-C.

The first start makes a database cluster and a broker's disk; it is shown beside the others, which find them made.
"""

import tempfile
from pathlib import Path
from statistics import median

from bench.figures import Figure, Goal, Result, spread
from tests.support.demo import Demo

ROUNDS = 3
MOST_SECONDS = 15.0


async def measure() -> Result:
    """One first start, and some more; between them it is interrupted."""
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(Path(folder) / "home")
        try:
            first, stops = demo.start(), [demo.stop()]
            starts = []
            for _ in range(ROUNDS):
                starts.append(demo.start())
                stops.append(demo.stop())
        finally:
            demo.stop()
    again, ended = median(starts), max(stops)
    return Result(
        title="`callboard up`",
        story=f"Everything on one machine; the median of {ROUNDS} starts, the longest of {ROUNDS + 1} stops.",
        figures=(
            Figure("the first start", first, "s", "makes the database cluster and the broker's disk"),
            Figure("a start after that", again, "s", spread(starts)),
            Figure("the end after Ctrl-C", ended, "s", spread(stops)),
        ),
        goals=(
            Goal("s for a start after the first", again, "under 15", again < MOST_SECONDS),
            Goal("s until all has ended", ended, "under 15", ended < MOST_SECONDS),
        ),
    )
