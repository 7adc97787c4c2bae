"""`python -m tests.campaigns [--agents 500] [--runs 20] [--moves 50] [--seed N] [erase|kills|moves …]`: `make fault`.

Prints the seed, a line for each rollout and move, and tables of totals; exit status 1 if a delivery was lost, had two
results or came too late, or an account was not where it belongs, destroyed or heard twice. The same seed makes the same
choices; what they meet in the processes is up to the machine.
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
from tests.campaigns.moves import FAULTS, Move, Moves
from tests.support.fleet import Fleet
from tests.support.moving import bring_into_the_vault

ROLLOUTS = ("erase", "kills")
NAMES = (*ROLLOUTS, "moves")


def main() -> int:
    """Run the campaigns; the exit status."""
    parser = argparse.ArgumentParser(prog="make fault", description="Rollouts and moves under faults.")
    parser.add_argument("names", nargs="*", default=list(NAMES), help="erase, kills, moves; all of them")
    parser.add_argument("--agents", type=int, default=500)
    parser.add_argument("--runs", type=int, default=20, help="rollouts in each campaign")
    parser.add_argument("--moves", type=int, default=50, help="moves of accounts")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - set(NAMES)):
        parser.error(f"no campaign is called {', '.join(unknown)}: there are {' and '.join(NAMES)}")
    console = Console()
    console.print(f"seed {asked.seed}")
    passed = True
    if rollouts := [name for name in asked.names if name in ROLLOUTS]:
        passed = _roll_out(asked, rollouts, console)
    if "moves" in asked.names:
        passed = asyncio.run(_move(asked, console)) and passed
    return 0 if passed else 1


def _roll_out(asked: argparse.Namespace, names: list[str], console: Console) -> bool:
    console.print(f"{asked.agents} agents · {asked.runs} rollouts in each campaign")
    campaigns = asyncio.run(_run(asked, names, console))
    console.print(_table(campaigns))
    return all(run.passed for runs in campaigns.values() for run in runs)


async def _move(asked: argparse.Namespace, console: Console) -> bool:
    with tempfile.TemporaryDirectory(prefix="callboard-campaign-") as home:
        async with Fleet(Path(home), ("node-a", "node-b", "node-c")) as fleet:
            accounts = await bring_into_the_vault(fleet)
            campaign, moves, wrong = Moves(fleet, accounts, random.Random(asked.seed)), list[Move](), list[str]()
            try:
                async with campaign.under_load():
                    for number in range(1, asked.moves + 1):
                        moves.append(await campaign.move(number))
                        console.print(_moved(moves[-1]))
                    wrong = await campaign.end()
                fleet.assert_alive()
            finally:
                console.print(_moves_table(moves, campaign, len(accounts)))
            console.print(*wrong, sep="\n", markup=False, highlight=False, soft_wrap=True)
            passed = not wrong and all(move.passed for move in moves)
            if not passed:
                console.print(fleet.last_words(), markup=False, highlight=False)
    return passed


async def _run(asked: argparse.Namespace, names: list[str], console: Console) -> dict[str, list[Run]]:
    dice = random.Random(asked.seed)
    with tempfile.TemporaryDirectory(prefix="callboard-campaign-") as home:
        async with ManyAgents(Path(home), asked.agents) as fleet:
            campaign = Campaign(fleet, dice)
            console.print(f"undisturbed rollout: {await campaign.measure_undisturbed():.1f} s")
            ended: dict[str, list[Run]] = {}
            for name in names:
                step = campaign.erase if name == "erase" else campaign.kill
                ended[name] = []
                for number in range(1, asked.runs + 1):
                    run = await step(number)
                    ended[name].append(run)
                    console.print(_line(name, run), soft_wrap=True)
            fleet.assert_alive()
    return ended


def _line(name: str, run: Run) -> str:
    took = "not verified" if run.seconds is None else f"verified {run.seconds:.1f} s after the last fault"
    verdict = "" if run.passed else " · FAILED"
    ends = f"{run.lost} lost, {run.doubled} doubled"
    return f"{name} {run.number}: faults at {run.at_seconds} s, {took}, {ends}{verdict}"


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


def _moved(move: Move) -> str:
    took = "not there" if move.seconds is None else f"online after {move.seconds:.1f} s"
    verdict = "" if move.passed else f" · FAILED {move.behind}"
    return f"move {move.number}: {move.account} {move.source} → {move.target}, {move.fault}, {took}{verdict}"


def _moves_table(moves: list[Move], campaign: Moves, accounts: int) -> Table:
    table = Table(title="Moves under faults: online on the right node, with the newest state")
    for heading in ("fault", "moves", "failed", "median", "longest"):
        table.add_column(heading, justify="left" if heading == "fault" else "right")
    for fault in (*FAULTS, "all"):
        some = [move for move in moves if fault in (move.fault, "all")]
        seconds = sorted(move.seconds for move in some if move.seconds is not None) or [0.0]
        failed = sum(not move.passed for move in some)
        median, longest = seconds[len(seconds) // 2], seconds[-1]
        table.add_row(fault, str(len(some)), str(failed), f"{median:.1f} s", f"{longest:.1f} s")
    said = campaign.said
    table.caption = (
        f"{len(said.asked)} questions to {accounts} accounts: {sum(said.answers.values())} answers, "
        f"{said.twice} twice, {said.unanswered(accounts)} not given · {campaign.restarts} agents ended by the kernel"
    )
    return table


if __name__ == "__main__":
    sys.exit(main())
