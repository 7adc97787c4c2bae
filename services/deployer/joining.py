"""Asking for a machine to be let in as a node, at the HTTP origin, on behalf of one that is reached by SSH alone.

With the standard library, in a thread: it is one request for each new machine.
"""

import asyncio
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from shared.contracts.enrolments import ENROL_PATH
from shared.tls import trusting_file

SECONDS = 30.0
# What a node is given is a few kilobytes; certificates make it tens.
MOST_BYTES = 1024 * 1024


class OriginDesk:
    """The origin at `url`, as nodes reach it. `ca_file` is whom to trust there instead of the system's authorities."""

    def __init__(self, url: str, ca_file: Path | None = None) -> None:
        self.url = url.rstrip("/")
        self._ca_file = ca_file

    async def ask(self, question: dict[str, Any]) -> bytes | str:
        """The answer's bytes, or why the machine is not let in."""
        return await asyncio.to_thread(self._ask, question)

    def _ask(self, question: dict[str, Any]) -> bytes | str:
        request = urllib.request.Request(  # noqa: S310 - the setting says http or https
            self.url + ENROL_PATH,
            data=json.dumps(question).encode(),
            headers={"content-type": "application/json"},
            method="POST",
        )
        verify = trusting_file(self._ca_file)
        context = verify if isinstance(verify, ssl.SSLContext) else None
        try:
            with urllib.request.urlopen(request, timeout=SECONDS, context=context) as answer:  # noqa: S310
                return bytes(answer.read(MOST_BYTES))
        except urllib.error.HTTPError as error:
            return _told(error)
        except (OSError, ValueError) as error:
            return f"{self.url} (CALLBOARD_PUBLIC_URL) does not answer: {error}"


def _told(error: urllib.error.HTTPError) -> str:
    with error:
        try:
            return str(json.loads(error.read(MOST_BYTES))["detail"])
        except (ValueError, KeyError, TypeError):
            return f"the origin answers {error.code}"
