"""A rollout with the real command line, real agents and a real chat: a canary that fails, and its way back."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from services.cli.failures import ExitCode
from tests.support.stack import Stack
from tests.support.waiting import until
from tests.system.test_path import ACCOUNTS, DEPLOYMENTS, heard, online, script

ROOT = Path(__file__).parents[2]
SCRIPT = "canary"


async def callboard(stack: Stack, *words: str, code: int = ExitCode.OK) -> str:
    """Run `callboard …`; what it shows."""
    environment = {**os.environ, "CALLBOARD_URL": stack.url, "CALLBOARD_TOKEN": stack.token}
    command = [sys.executable, "-m", "services.cli", *words]
    ran = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == code and "Traceback" not in ran.stderr, f"{words}\n{ran.stdout}{ran.stderr}"
    return ran.stdout + ran.stderr


async def test_a_canary_that_fails_stops_the_rollout_and_goes_back(stack: Stack, tmp_path: Path) -> None:
    """One node pays for a mistake, the other never hears of it, and the chat has the old words again."""
    rows = await online(stack)
    elsewhere = next(str(row["account_id"]) for row in rows if row["node_id"] == "demo-b")
    file = tmp_path / "canary.yaml"
    file.write_text(script(SCRIPT, "the old words"))
    await callboard(stack, "scripts", "push", str(file), "--deploy", "--selector", "all", "--bind", "all", "--wait")
    assert await heard(stack, f"!{SCRIPT}") == {"the old words"}
    await has_reported(stack)

    file.write_text(script(SCRIPT, "the new words"))
    # An account that the canary does not have: its agent refuses the order, as it would a script that it cannot run.
    order = ("--selector", "all", "--bind", elsewhere, "--groups", "1,rest", "--stop", "20% then pause")
    await callboard(stack, "scripts", "push", str(file), "--deploy", *order)
    deployment = (await stack.get(f"{DEPLOYMENTS}/deployments", script_id=SCRIPT))["items"][0]["deployment_id"]

    async def paused() -> bool:
        found = await stack.get(f"{DEPLOYMENTS}/deployments/{deployment}")
        return bool(found["state"] == "paused")

    await until(paused, "the stop rule pauses it", 60)
    shown = await callboard(stack, "deployments", "show", deployment)
    assert "paused: 1 of 1 nodes failed" in shown and "1 × unknown_account" in shown
    assert "0 of 2 verified, 1 failed, 1 held" in shown

    back = await callboard(stack, "deployments", "rollback", deployment)
    assert f"brings 1 node back to {SCRIPT} 1" in back and "nothing was sent to it: demo-b" in back
    await callboard(stack, "deployments", "watch", back.split()[0])
    assert "rolled back" in await callboard(stack, "deployments", "watch", deployment, code=ExitCode.FAILED)
    assert await heard(stack, f"!{SCRIPT}") == {"the old words"}
    assert {row["script_version"] for row in (await stack.get(ACCOUNTS))["items"]} == {1}


async def has_reported(stack: Stack) -> None:
    """Wait until a plan says that both nodes have the first version: they tell it with their next beat."""

    async def known() -> bool:
        async with stack.api() as api:
            plan = (await api.post(f"{DEPLOYMENTS}/plan/{SCRIPT}", json={"selector": "all"})).json()
        address = f"{DEPLOYMENTS}/deployments/{plan['deployment_id']}"
        entries = (await stack.get(f"{address}/plan"))["items"]
        async with stack.api() as api:
            await api.post(f"{address}/abort")
        return all(entry["has"] for entry in entries)

    await until(known, "both nodes have told what they have", 60)
