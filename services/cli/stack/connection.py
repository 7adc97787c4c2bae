"""`connection.json`: how to reach a stack. Written by `callboard up`, read by every other command.

    {"url": "http://127.0.0.1:8080", "token": "…", "management": {"url": …, "username": …, "password": …},
     "sandbox": {"url": …}}

The token is made once for a home and kept, so that open browser tabs and scripts survive a restart. `management` is
the broker's console, for the operator; null when the broker was given by URL. `sandbox` is the Telegram sandbox's
admin API, which takes the same token. Readable by its owner only.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services.cli.embedded.broker import Management
from services.cli.embedded.kept import write_private


class NoConnection(Exception):
    """There is no usable connection file. The text says what to do."""


@dataclass(frozen=True, slots=True)
class SandboxAdmin:
    """Where the Telegram sandbox's admin API answers."""

    url: str


@dataclass(frozen=True, slots=True)
class Connection:
    """See the module's docstring."""

    url: str
    token: str
    management: Management | None = None
    sandbox: SandboxAdmin | None = None


def write_connection(path: Path, connection: Connection) -> None:
    """Put the file in place whole."""
    write_private(path, json.dumps(asdict(connection), indent=2) + "\n")


def read_connection(path: Path) -> Connection:
    """The connection of the last start. Raises NoConnection."""
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        management, sandbox = content.get("management"), content.get("sandbox")
        return Connection(
            url=str(content["url"]),
            token=str(content["token"]),
            management=Management(**management) if management else None,
            sandbox=SandboxAdmin(**sandbox) if sandbox else None,
        )
    except FileNotFoundError:
        raise NoConnection(f"there is no {path}: start Callboard with `callboard up` first") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoConnection(f"{path} cannot be understood ({error!r}): remove it and run `callboard up`") from error


def kept_token(path: Path, fresh: str) -> str:
    """The token of this home; `fresh` if it has none yet."""
    try:
        return read_connection(path).token
    except NoConnection:
        return fresh
