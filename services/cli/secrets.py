"""Secrets that an operator gives: from a file, from stdin, or typed without being shown; never from the command line.

Every user of a machine sees its command lines, and a shell keeps them.
"""

import getpass
import sys
from pathlib import Path

from services.cli.failures import CommandFailed, ExitCode


def of_file(file: Path | None) -> str | None:
    """The first line of a file, or of stdin for `-`; None for no file."""
    if file is None:
        return None
    text = sys.stdin.readline() if str(file) == "-" else file.read_text(encoding="utf-8")
    lines = text.splitlines()
    if not lines or not lines[0].strip():
        raise CommandFailed(ExitCode.REFUSED, f"{file} is empty: put the secret into its first line")
    return lines[0].strip()


def typed(question: str) -> str:
    """What is typed at a terminal, without being shown; from a pipe, its next line.

    Raises CommandFailed for nothing.
    """
    # To stderr: what the command says on stdout is for programs.
    shown = sys.stdin.isatty()
    answer = getpass.getpass(f"{question}: ", stream=sys.stderr) if shown else sys.stdin.readline()
    if not answer.strip():
        raise CommandFailed(ExitCode.REFUSED, f"nothing was given for: {question}")
    return answer.strip()
