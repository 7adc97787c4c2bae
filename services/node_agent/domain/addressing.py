"""Whom a command is for, in a chat with several who know it: `/price@anna` is anna's alone.

Pure; every implementation of the Telegram port lets an account hear commands this way, so a script needs to know
neither the account that plays it nor its names.
"""

import re
from collections.abc import Container

# As Telegram's own apps find commands; whatever stands behind the name belongs to what follows.
_ADDRESSED = re.compile(r"(\s*/[A-Za-z0-9_]{1,64})@([A-Za-z0-9_]{1,32})(?=\s|$)")


def without_own_name(text: str, usernames: Container[str]) -> str:
    """The text as it is for the account with these usernames (in lower case): a command for it has lost the name.

    A command for somebody else keeps its name, by which no command of a script is met.
    """
    addressed = _ADDRESSED.match(text)
    if addressed is None or addressed[2].lower() not in usernames:
        return text
    return addressed[1] + text[addressed.end() :]
