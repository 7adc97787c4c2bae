"""Whether the services behind the origin are ready, as `/health/ready` tells it: one sentence for each that is not."""

import asyncio
from collections.abc import Sequence

import httpx

from services.console.api.proxy import Clients
from services.console.domain.upstreams import Upstream
from shared.http.api import Ready

ANSWER_WITHIN = 2.0


def upstreams_ready(upstreams: Sequence[Upstream], clients: Clients) -> Ready:
    """The check for `create_api`; asks all services at once. Never raises for a service that is away."""

    async def ready() -> list[str]:
        told = await asyncio.gather(*(_missing(upstream, clients[upstream.name]) for upstream in upstreams))
        return [sentence for sentence in told if sentence]

    return ready


async def _missing(upstream: Upstream, client: httpx.AsyncClient) -> str:
    try:
        answer = await client.get(upstream.url + "/health/ready", timeout=ANSWER_WITHIN)
    except httpx.HTTPError:
        return f"the {upstream.name} does not answer: see whether it runs, or correct {upstream.setting}"
    if answer.is_success:
        return ""
    return f"the {upstream.name} is not ready: {_reasons(answer)}"


def _reasons(answer: httpx.Response) -> str:
    try:
        missing = answer.json()["missing"]
        return "; ".join(str(one) for one in missing)
    except (ValueError, KeyError, TypeError):
        return f"it answers with status {answer.status_code}"
