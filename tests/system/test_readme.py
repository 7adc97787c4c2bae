"""The README's first five minutes, typed as they stand, against a running demo."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.support.demo import Demo

ROOT = Path(__file__).parents[2]
# They go on until they are interrupted, and are tested by themselves.
ENDLESS = ("callboard events tail", "callboard sandbox chat --follow")


def blocks(heading: str, page: str = "README.md") -> list[str]:
    """The shell blocks of the section."""
    text = (ROOT / page).read_text(encoding="utf-8")
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def commands(lines: list[str]) -> list[str]:
    """The commands without their comments."""
    return [command for line in "".join(lines).splitlines() if (command := line.split("  #")[0].strip())]


def test_the_first_five_minutes_work_as_they_are_written(demo: Demo, tmp_path: Path) -> None:
    """A reader who copies a command that fails does not copy the next one."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    # As in a demo that has just begun: other tests give its accounts other scripts.
    typed(demo, tmp_path, "callboard deployments start welcome-desk --nodes demo-a,demo-b --bind all --wait")
    refused, said = [], dict[str, str]()
    for line in "".join(blocks("The first five minutes")).splitlines():
        command = line.split("  #")[0].strip()
        if not command or command.startswith("source ") or command in ENDLESS:
            continue
        if "# refused" in line:
            refused.append(command)
        said[command] = typed(demo, tmp_path, command, 1 if "# refused" in line else 0)
    assert refused, "the section shows a script that its own tests refuse"
    assert "demo_a_1: online on demo-b" in said["callboard accounts assign demo_a_1 demo-b --wait"]
    [there] = [line for line in said["callboard accounts --node demo-b"].splitlines() if "demo_a_1" in line]
    assert "online" in there
    heard(demo, tmp_path, ": Good to see you, Wendy!", 6)


def test_the_first_five_minutes_in_the_other_language_work_too(demo: Demo, tmp_path: Path) -> None:
    """The page in Chinese has a section of its own, and nobody who reads English types it."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    typed(demo, tmp_path, "callboard accounts assign demo_a_1 demo-a --wait")  # the English page moved it away
    for command in commands(blocks("最初五分鐘", "README.zh-TW.md")):
        if not command.startswith("source ") and command not in ENDLESS:
            typed(demo, tmp_path, command)
    heard(demo, tmp_path, ": tea 4.5 EUR", 1)


def test_a_rollout_with_care_works_as_it_is_written(demo: Demo, tmp_path: Path) -> None:
    """The plan that is shown is approved by its last line, and the file is one that the deployer takes."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    approved = []
    for command in commands(blocks("Rolling out with care")):
        said = typed(demo, tmp_path, command)
        if " plan " in command:
            # At once, as its reader does: a plan is held against what has changed since.
            approved.append(said.splitlines()[-1].strip())
            typed(demo, tmp_path, approved[-1])
    [approve] = approved
    assert approve.startswith("callboard deployments approve dep_")


def test_both_languages_show_the_same_rollout() -> None:
    """Who reads one of them must not get other commands than who reads the other."""
    english = commands(blocks("Rolling out with care"))
    assert english == commands(blocks("謹慎地推出", "README.zh-TW.md"))


def heard(demo: Demo, where: Path, words: str, times: int) -> None:
    """Wait until the chat, looked at as the reader does, has these words at least so often.

    An account that other tests have let speak more than its script may in a minute waits for the next one.
    """
    deadline = time.monotonic() + 75
    while (chat := typed(demo, where, "callboard sandbox chat -n 200")).count(words) < times:
        assert time.monotonic() < deadline, f"not {times} times {words!r}:\n{chat}"
        time.sleep(0.5)


def typed(demo: Demo, where: Path, command: str, code: int = 0) -> str:
    """Run a command as it stands; it must end with this code. What it printed."""
    environment = {
        **os.environ,
        "CALLBOARD_HOME": str(demo.home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    ran = subprocess.run(
        command, shell=True, cwd=where, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in ran.stderr, f"{command}\n{ran.stderr}"
    assert ran.returncode == code, f"{command} ended with {ran.returncode}\n{ran.stdout}{ran.stderr}"
    return ran.stdout
