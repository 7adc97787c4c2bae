"""Uvicorn as one task among a service's others: signals are the service's business, not the server's.

With a certificate it speaks TLS, and TLS alone. A certificate that is written anew is shown within a minute, without a
restart, to whoever connects from then on; one that cannot be used is told in the log, and the one before stays.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Generator

import structlog
import uvicorn
from starlette.types import ASGIApp

from shared.tls import Certificate

log = structlog.get_logger(__name__)

LOOK_SECONDS = 60.0


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(
    api: ASGIApp, host: str, port: int, certificate: Certificate | None = None, look_seconds: float = LOOK_SECONDS
) -> None:
    """Serve until cancelled, then finish the requests in work within two seconds. Raises OSError for a taken port."""
    context = certificate.context() if certificate is not None else None
    server = _Server(
        uvicorn.Config(
            api,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
            lifespan="on",
            ssl_context_factory=None if context is None else lambda config, usual: context,
        )
    )
    task = asyncio.create_task(server.serve(), name="http")
    looking = asyncio.create_task(_renew(certificate, context, look_seconds), name="certificate")
    try:
        await asyncio.shield(task)
    except SystemExit as error:
        raise OSError(f"cannot listen on {host}:{port}: is the port taken?") from error
    except asyncio.CancelledError:
        server.should_exit = True
        await asyncio.wait({task}, timeout=5)
        raise
    finally:
        looking.cancel()


async def _renew(certificate: Certificate | None, context: ssl.SSLContext | None, look_seconds: float) -> None:
    """Show a certificate that was written anew."""
    if certificate is None or context is None:
        return
    shown = certificate.age()
    while True:
        await asyncio.sleep(look_seconds)
        try:
            found = certificate.age()
            if found != shown:
                certificate.load_into(context)
                log.info("certificate_renewed", certificate=str(certificate.certificate))
            shown = found
        except (OSError, ValueError) as error:
            # Half of a pair is written for a moment: it is looked at again.
            log.error("certificate_not_renewed", reason=str(error))
