"""What all tests of the command line share."""

from functools import cache

import typer.main
import typer.testing

# Building the tree of commands takes longer than most of them take, and the tree is always the same.
typer.testing._get_command = cache(typer.main.get_command)  # type: ignore[attr-defined]
