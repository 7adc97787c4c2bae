"""The README's first five minutes, typed as they stand, against a running demo."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.demo import Demo

ROOT = Path(__file__).parents[2]
# It follows the events until it is interrupted, and is tested by itself.
ENDLESS = ("callboard events tail",)


def blocks() -> list[str]:
    """The shell blocks of the section."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## The first five minutes")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def test_the_first_five_minutes_work_as_they_are_written(demo: Demo, tmp_path: Path) -> None:
    """A reader who copies a command that fails does not copy the next one."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    environment = {
        **os.environ,
        "CALLBOARD_HOME": str(demo.home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    refused = []
    for line in "".join(blocks()).splitlines():
        command = line.split("  #")[0].strip()
        if not command or command.startswith("source ") or command in ENDLESS:
            continue
        ran = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert "Traceback" not in ran.stderr, f"{command}\n{ran.stderr}"
        if "# refused" in line:
            refused.append(command)
            assert ran.returncode == 1, f"{command} ended with {ran.returncode}\n{ran.stdout}{ran.stderr}"
        else:
            assert ran.returncode == 0, f"{command} ended with {ran.returncode}\n{ran.stdout}{ran.stderr}"
    assert refused, "the section shows a script that its own tests refuse"
