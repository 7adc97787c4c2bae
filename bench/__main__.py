"""Measure against floors of the same run: print the figures and write them into `bench/RESULTS.md`.

`python -m bench [NAME…]`; exit status 1 if a goal is missed: the true figure is written all the same.
"""

import argparse
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
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHES)}; all if none is named")
    names = parser.parse_args().names
    if strange := set(names) - set(BENCHES):
        parser.error(f"no benchmark is called {', '.join(sorted(strange))}: choose from {', '.join(BENCHES)}")
    terminal = Console()
    kept = True
    # Ten thousand simulated agents are millions of objects: a collector that walks them again and again slows the floor
    # and what is measured alike, and by its mood.
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    for name in names or BENCHES:
        terminal.print(f"measuring {name} …", style="dim")
        result = asyncio.run(BENCHES[name]())
        terminal.print(Markdown(result.markdown()))
        # At once: what took minutes to measure is not lost with a later one that fails.
        write(result, Path(__file__).parent / "RESULTS.md")
        kept = kept and all(goal.kept for goal in result.goals)
    return 0 if kept else 1


sys.exit(main())
