"""`python -m bench [starting|ingest|fanout|fanout10k|returning|accounts|console]`: prints, writes `bench/RESULTS.md`.

Exit status 1 if a goal is missed: the true figure is written all the same.
"""

import asyncio
import gc
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown

from bench import accounts, console, fanout, ingest, returning, starting
from bench.figures import Result, write
from shared.service import GARBAGE_THRESHOLDS

BENCHES: dict[str, Callable[[], Coroutine[Any, Any, Result]]] = {
    "starting": starting.measure,
    "ingest": ingest.measure,
    "fanout": fanout.thousand,
    "fanout10k": fanout.ten_thousand,
    "returning": returning.measure,
    "accounts": accounts.measure,
    "console": console.measure,
}


def main() -> int:
    """Run the named benchmarks, or all, and write their sections of RESULTS.md."""
    wanted = sys.argv[1:] or list(BENCHES)
    terminal = Console()
    results = []
    # Ten thousand simulated agents are millions of objects: a collector that walks them again and again slows the floor
    # and what is measured alike, and by its mood.
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    for name in wanted:
        terminal.print(f"measuring {name} …", style="dim")
        results.append(asyncio.run(BENCHES[name]()))
        terminal.print(Markdown(results[-1].markdown()))
    write(results, Path(__file__).parent / "RESULTS.md")
    return 0 if all(goal.kept for result in results for goal in result.goals) else 1


sys.exit(main())
