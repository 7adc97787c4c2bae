"""Where Callboard is and how to sign in: from options, the environment, or the file that `callboard up` writes.

The file is `<CALLBOARD_HOME or .callboard>/connection.json`: `{"url": …, "token": …}`. Its token goes only to its own
address: with another `--url` a token must be given too. Raises `CommandFailed` that says what to do when there is none.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from services.cli.failures import CommandFailed, ExitCode

HOME = "CALLBOARD_HOME"
URL = "CALLBOARD_URL"
TOKEN = "CALLBOARD_TOKEN"  # noqa: S105 - the variable's name
FILE = "connection.json"


@dataclass(frozen=True)
class Connection:
    """An address without a slash at its end, and the operator's token."""

    url: str
    token: str = field(repr=False)


def home(environment: Mapping[str, str]) -> Path:
    """Where Callboard keeps its state on this machine."""
    return Path(environment.get(HOME) or ".callboard")


def find_connection(url: str | None, token: str | None, environment: Mapping[str, str]) -> Connection:
    """The connection from options, else the environment, else the file; each value for itself."""
    url = url or environment.get(URL)
    token = token or environment.get(TOKEN)
    if not (url and token):
        kept = _from_file(home(environment) / FILE)
        if kept is not None and url in (None, "", kept.url):
            url, token = kept.url, token or kept.token
    if not url:
        advice = f"give --url and --token, set {URL} and {TOKEN}, or start it here with `callboard up`"
        raise CommandFailed(ExitCode.UNREACHABLE, f"it is not known where Callboard is: {advice}")
    if not token:
        raise CommandFailed(ExitCode.UNREACHABLE, f"there is no token for {url}: give --token or set {TOKEN}")
    return Connection(_checked(url), token)


def _checked(url: str) -> str:
    try:
        parsed = urlsplit(url)
        whole = parsed.scheme in ("http", "https") and bool(parsed.hostname) and parsed.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise CommandFailed(ExitCode.UNREACHABLE, f"{url!r} is not an address: write it like http://127.0.0.1:8080")
    return url.rstrip("/")


def _from_file(path: Path) -> Connection | None:
    try:
        kept = json.loads(path.read_bytes())
        return Connection(str(kept["url"]).rstrip("/"), str(kept["token"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandFailed(ExitCode.UNREACHABLE, f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        advice = "`callboard up` writes it anew"
        raise CommandFailed(ExitCode.UNREACHABLE, f'{path} is not {{"url": …, "token": …}}: {advice}') from error
