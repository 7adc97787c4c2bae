"""`connection.json`: how to reach a stack. Written by `callboard up`, read by every command, owned by this module.

    {"url": "http://127.0.0.1:8080", "token": "…", "management": {"url": …, "username": …, "password": …},
     "sandbox": {"url": …}}

`management` is the broker's console, for the operator; null when the broker was given by URL. `sandbox` is the Telegram
sandbox's admin API, which takes the same token. Commands need `url` and `token` only. Readable by its owner only.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from services.cli.kept import write_private

FILE = "connection.json"


class UnusableFile(Exception):
    """The file is there and cannot be used. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Management:
    """The broker's management console: its address and its operator's login."""

    url: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SandboxAdmin:
    """Where the Telegram sandbox's admin API answers."""

    url: str


@dataclass(frozen=True, slots=True)
class KeptConnection:
    """See the module's docstring. The address has no slash at its end."""

    url: str
    token: str = field(repr=False)
    management: Management | None = None
    sandbox: SandboxAdmin | None = None


def write_connection(path: Path, connection: KeptConnection) -> None:
    """Put the file in place whole."""
    write_private(path, json.dumps(asdict(connection), indent=2) + "\n")


def read_connection(path: Path) -> KeptConnection | None:
    """The connection of the last start; None when there was none. Raises UnusableFile."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        management, sandbox = content.get("management"), content.get("sandbox")
        return KeptConnection(
            url=str(content["url"]).rstrip("/"),
            token=str(content["token"]),
            management=Management(**management) if management else None,
            sandbox=SandboxAdmin(**sandbox) if sandbox else None,
        )
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        advice = "CALLBOARD_HOME has to name the directory where `callboard up` keeps its state"
        raise UnusableFile(f"{path.parent} is not a directory: {advice}") from None
    except OSError as error:
        raise UnusableFile(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnusableFile(f'{path} is not {{"url": …, "token": …}}: `callboard up` writes it anew') from error


def kept_token(path: Path, fresh: str) -> str:
    """The token of this home, kept so that scripts survive a restart; `fresh` if it has none that can be used."""
    try:
        kept = read_connection(path)
    except UnusableFile:
        return fresh
    return kept.token if kept and kept.token else fresh
