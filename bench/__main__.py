"""`python -m bench [ingest|fanout|accounts]`: measure, print the tables, write `bench/RESULTS.md`.

Exit status 1 if a goal is missed: the true figure is written all the same.
"""

import asyncio
import sys
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from bench import accounts, fanout, ingest
from bench.figures import write

BENCHES = {"ingest": ingest.measure, "fanout": fanout.measure, "accounts": accounts.measure}


def main() -> int:
    """Run the named benchmarks, or all; RESULTS.md is written when all ran."""
    wanted = sys.argv[1:] or list(BENCHES)
    console = Console()
    results = []
    for name in wanted:
        console.print(f"measuring {name} …", style="dim")
        results.append(asyncio.run(BENCHES[name]()))
        console.print(Markdown(results[-1].markdown()))
    if wanted == list(BENCHES):
        write(results, Path(__file__).parent / "RESULTS.md")
    return 0 if all(goal.kept for result in results for goal in result.goals) else 1


sys.exit(main())
