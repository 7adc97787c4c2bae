"""A benchmark's figures: a table for the terminal and for `bench/RESULTS.md`.

Ratios against a floor of the same run are what counts; absolute figures are of the machine and the moment.
"""

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured thing: `value` in `unit`, and what it is compared with, if anything."""

    name: str
    value: float
    unit: str
    note: str = ""


@dataclass(frozen=True)
class Goal:
    """A ratio and the bound that it shall keep."""

    name: str
    ratio: float
    bound: str
    kept: bool

    def line(self) -> str:
        """The goal as an item of a list."""
        return f"- {self.name}: **{self.ratio:.2f}** ({self.bound}: {'kept' if self.kept else 'MISSED'})\n"


@dataclass(frozen=True)
class Result:
    """The figures of one benchmark."""

    title: str
    story: str
    figures: tuple[Figure, ...]
    goals: tuple[Goal, ...]

    def markdown(self) -> str:
        """The result as a section."""
        rows = "".join(f"| {f.name} | {f.value:,.4g} | {f.unit} | {f.note} |\n" for f in self.figures)
        goals = "".join(goal.line() for goal in self.goals)
        head = f"## {self.title}\n\n{self.story}\n\n| what | figure | unit | note |\n| --- | --- | --- | --- |\n"
        return f"{head}{rows}\n{goals}"


def spread(values: list[float]) -> str:
    """The lowest and the highest of several measurements."""
    return f"{min(values):,.3g} to {max(values):,.3g}"


def write(result: Result, path: Path) -> None:
    """Write the result in the place of the last one; what was not measured now stays as it was."""
    sections = _sections(path.read_text(encoding="utf-8")) if path.exists() else {}
    sections[result.title] = result.markdown()
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    head = f"# Results\n\nWritten by `make bench` on: {machine}.\n\n"
    path.write_text(head + "\n".join(sections.values()), encoding="utf-8")


def _sections(document: str) -> dict[str, str]:
    """The sections of a document by their titles."""
    _, *parts = document.split("\n## ")
    return {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in parts}
