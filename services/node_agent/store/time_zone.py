"""Which time zone this machine lives in, by its name in the time zone database.

Read once at start, from where systems say it: `TZ`, the link `/etc/localtime`, the file `/etc/timezone`. A machine that
says nothing, or nothing that is a name, has none.
"""

import os
from pathlib import Path
from zoneinfo import ZoneInfo

LOCALTIME = Path("/etc/localtime")
TIMEZONE = Path("/etc/timezone")


def local_time_zone(localtime: Path = LOCALTIME, timezone: Path = TIMEZONE) -> str | None:
    """The name, such as `Asia/Tokyo`; None when it is not known."""
    said = (os.environ.get("TZ", "").removeprefix(":"), _linked(localtime), _written(timezone))
    return next((name for name in said if name and _known(name)), None)


def _linked(localtime: Path) -> str:
    try:
        _, found, name = str(localtime.readlink()).partition("zoneinfo/")
    except OSError:
        return ""  # no link: a copy of the zone's data does not say whose it is
    return name if found else ""


def _written(timezone: Path) -> str:
    try:
        return timezone.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not found, a folder, not a name
        return False
    return len(name) <= 64
