"""`python -m tests.campaigns [--agents 500] [--runs 20] [--seed N] [erase|kills …]`, behind `make fault`.

Prints the seed, a line for each rollout, and a table of totals; exit status 1 if a delivery was lost, had two results
or came too late. The same seed makes the same choices; what they meet in the processes is up to the machine.
"""

import argparse
import asyncio
import random
import secrets
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.campaigns.campaign import WITHIN_SECONDS, Campaign, Run
from tests.campaigns.many import ManyAgents

NAMES = ("erase", "kills")


def main() -> int:
    """Run the campaigns; the exit status."""
    parser = argparse.ArgumentParser(prog="make fault", description="Rollouts to many real agents under faults.")
    parser.add_argument("names", nargs="*", default=list(NAMES), help="erase, kills, or both")
    parser.add_argument("--agents", type=int, default=500)
    parser.add_argument("--runs", type=int, default=20, help="rollouts in each campaign")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - set(NAMES)):
        parser.error(f"no campaign is called {', '.join(unknown)}: there are {' and '.join(NAMES)}")
    console = Console()
    console.print(f"seed {asked.seed} · {asked.agents} agents · {asked.runs} rollouts in each campaign")
    campaigns = asyncio.run(_run(asked, console))
    console.print(_table(campaigns))
    return 0 if all(run.passed for runs in campaigns.values() for run in runs) else 1


async def _run(asked: argparse.Namespace, console: Console) -> dict[str, list[Run]]:
    dice = random.Random(asked.seed)
    with tempfile.TemporaryDirectory(prefix="callboard-campaign-") as home:
        async with ManyAgents(Path(home), asked.agents) as fleet:
            campaign = Campaign(fleet, dice)
            console.print(f"undisturbed rollout: {await campaign.measure_undisturbed():.1f} s")
            ended: dict[str, list[Run]] = {}
            for name in asked.names:
                step = campaign.erase if name == "erase" else campaign.kill
                ended[name] = []
                for number in range(1, asked.runs + 1):
                    run = await step(number)
                    ended[name].append(run)
                    console.print(_line(name, run))
            fleet.assert_alive()
    return ended


def _line(name: str, run: Run) -> str:
    took = "not verified" if run.seconds is None else f"verified {run.seconds:.1f} s after the last fault"
    verdict = "" if run.passed else " · FAILED"
    return f"{name} {run.number}: faults at {run.at_seconds} s, {took}{verdict}"


def _table(campaigns: dict[str, list[Run]]) -> Table:
    table = Table(title=f"Fault campaigns: each rollout verified within {WITHIN_SECONDS:.0f} s of its last fault")
    for heading in ("campaign", "runs", "erased", "kills", "deliveries", "lost", "doubled", "slowest", "failed"):
        table.add_column(heading, justify="left" if heading == "campaign" else "right")
    for name, runs in campaigns.items():
        slowest = max((run.seconds or float("inf") for run in runs), default=0.0)
        table.add_row(
            name,
            str(len(runs)),
            str(sum(run.erased for run in runs)),
            str(sum(run.kills for run in runs)),
            f"{sum(run.deliveries for run in runs):,}",
            str(sum(run.lost for run in runs)),
            str(sum(run.doubled for run in runs)),
            f"{slowest:.1f} s",
            str(sum(not run.passed for run in runs)),
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
