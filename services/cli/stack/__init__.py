"""What `callboard up` is made of: the whole stack as children of one process."""

from services.cli.stack.options import StackOptions
from services.cli.stack.run import run_stack

__all__ = ["StackOptions", "run_stack"]
