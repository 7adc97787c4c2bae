"""Downloads of artifacts that are too large for a message: bounded in size and in time, HTTP only.

The caller checks size and hash. Redirects are not followed: the order names the place.
"""

import asyncio
import ssl

import httpx

from services.node_agent.domain.ports import DownloadFailed
from shared.tls import needed

CONNECT_SECONDS = 5.0
# 256 KiB in this time is a slow phone line; a server that trickles bytes does not hold a delivery for ever.
WHOLE_SECONDS = 30.0
_TIMEOUT = httpx.Timeout(WHOLE_SECONDS, connect=CONNECT_SECONDS)


class HttpDownloader:
    """Implements `domain.ports.Downloader`; `verify` says whose certificates are trusted."""

    def __init__(self, verify: ssl.SSLContext | bool = True) -> None:
        self._verify = verify

    async def fetch(self, url: str, most: int) -> bytes:
        """The content at an http(s) URL. Raises DownloadFailed with what the operator can look at."""
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                return await self._fetch(url, most)
        except TimeoutError as error:
            raise DownloadFailed(f"{_place(url)} did not answer within {WHOLE_SECONDS:.0f} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DownloadFailed(f"{_place(url)}: {type(error).__name__}: {error}") from error

    async def _fetch(self, url: str, most: int) -> bytes:
        received = bytearray()
        async with (
            httpx.AsyncClient(timeout=_TIMEOUT, verify=needed(url, self._verify)) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise DownloadFailed(f"{_place(url)} answered {response.status_code} {response.reason_phrase}")
            async for chunk in response.aiter_bytes():
                received += chunk
                if len(received) > most:
                    raise DownloadFailed(f"{_place(url)} sends more than the {most} bytes of the order")
        return bytes(received)


def _place(url: str) -> str:
    """The URL without its query, in which the authorisation is."""
    return url.partition("?")[0]
