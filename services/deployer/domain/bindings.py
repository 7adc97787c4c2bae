"""Which accounts of a node shall play a script after its delivery: nothing new, all of them, or the named ones.

The node knows its accounts, so it is the node that refuses a name it does not have (`unknown_account`).
"""

from typing import Literal

Bind = Literal["all"] | list[str] | None
