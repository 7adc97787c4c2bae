"""Who asks, decided here for all services: the installation's own token is root's, every other one the registry knows.

| the token                                 | what happens                                                            |
| ----------------------------------------- | ----------------------------------------------------------------------- |
| the installation's own                    | root, without asking anybody                                            |
| was answered for within three seconds     | as it was answered                                                      |
| any other                                 | the registry is asked, by the token's hash; if it is away, 503          |
| is nobody's, has ended or was revoked     | 401, and the registry is told of it, for the audit log                  |
| any, after ten failures from its address  | 429, unless it was good within the hour; one more try every six seconds |

So one who guesses gets ten tries a minute from each address, and shuts nobody out who was in. Tokens are compared by
their hashes, in constant time, and are in no log.
"""

import asyncio
import hmac
import ipaddress
import math
from collections.abc import Awaitable, Callable

import httpx
import structlog
from fastapi import Request
from pydantic import BaseModel, SecretStr

from services.console.domain.known import KnownTokens
from services.console.domain.upstreams import Upstream
from shared.clock import Clock
from shared.contracts.roles import ROOT, Actor, Role
from shared.http import Problem
from shared.http.allowance import Allowance
from shared.http.signing_in import hash_of

log = structlog.get_logger(__name__)

ANSWER_WITHIN = 5.0
MOST_FAILURES, FAILURES_A_MINUTE = 10, 10.0
MOST_ADDRESSES = 10_000
# Rows of the audit log; what is beyond is counted in the next one.
MOST_TOLD, TOLD_A_MINUTE = 30, 10.0
# Uvicorn's own limit of a path is longer than what is worth keeping.
LONGEST_PATH = 500


class _Bearer(BaseModel):
    """The registry's answer."""

    name: str | None
    role: Role | None
    node_id: str | None


class RegistryDesk:
    """What the console asks and tells the registry, as a service among services."""

    def __init__(self, registry: Upstream, client: httpx.AsyncClient, token: SecretStr) -> None:
        self._base = registry.url + "/internal"
        self._client = client
        self._headers = {"authorization": f"Bearer {token.get_secret_value()}"}

    async def whose(self, hash_: str) -> Actor | None:
        """Whose token has this hash. Raises Problem when the registry does not say."""
        try:
            answer = await self._client.post(
                f"{self._base}/whose-token", json={"hash": hash_}, headers=self._headers, timeout=ANSWER_WITHIN
            )
            answer.raise_for_status()
            found = _Bearer.model_validate_json(answer.content)
        except (httpx.HTTPError, ValueError) as error:
            log.warning("token_not_looked_up", reason=repr(error))
            detail = "whose token this is cannot be told now, because the registry is away; try again in a moment"
            raise Problem(503, "sign-in-away", detail, headers={"retry-after": "2"}) from None
        if found.name is None or found.role is None:
            return None
        return Actor(found.name, found.role, found.node_id)

    async def tell_failure(self, failure: dict[str, str | int]) -> None:
        """Tell of a sign-in that failed; best effort."""
        try:
            answer = await self._client.post(
                f"{self._base}/failed-sign-ins", json=failure, headers=self._headers, timeout=ANSWER_WITHIN
            )
            answer.raise_for_status()
        except httpx.HTTPError as error:
            log.warning("failed_sign_in_not_told", reason=repr(error))


class SignIn:
    """See the module's docstring. It is a `Who` of `shared.http.signing_in`."""

    def __init__(self, token: SecretStr, desk: RegistryDesk, clock: Clock) -> None:
        self._root = hash_of(token.get_secret_value())
        self._desk = desk
        self._clock = clock
        self._known = KnownTokens()
        self._failures = Allowance(MOST_FAILURES, FAILURES_A_MINUTE, MOST_ADDRESSES, clock.monotonic)
        self._telling = Allowance(MOST_TOLD, TOLD_A_MINUTE, 1, clock.monotonic)
        self._untold = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, request: Request, given: str) -> Actor | None:
        """Whose token it is; None for nobody's. Raises Problem."""
        hash_, address = hash_of(given), _address(request)
        request.state.token_hash = hash_
        wait = self._failures.seconds_to_one(address)
        if wait and not self._known.was_good(hash_, self._clock.monotonic()):
            detail = "too many tokens from your address were wrong: correct yours, and try again later"
            raise Problem(429, "too-many-failures", detail, headers={"retry-after": str(math.ceil(wait))})
        actor = await self.whose(hash_)
        if actor is None:
            self._failures.take(address)
            self._tell(request, address)
        return actor

    async def whose(self, hash_: str) -> Actor | None:
        """Whose token has this hash, as it was a few seconds ago. Raises Problem when that is not known."""
        if self._known.knows(hash_, self._clock.monotonic()):
            return self._known.whose(hash_, self._clock.monotonic())
        actor = ROOT if hmac.compare_digest(hash_, self._root) else await self._desk.whose(hash_)
        self._known.learn(hash_, actor, self._clock.monotonic())
        return actor

    def still(self, request: Request) -> Callable[[], Awaitable[bool]]:
        """Asks whether a request that was let in would be again; while that is not known, yes."""
        hash_: str = request.state.token_hash

        async def ask() -> bool:
            try:
                return await self.whose(hash_) is not None
            except Problem:
                return True

        return ask

    async def close(self) -> None:
        """Drop what was still to be told."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _tell(self, request: Request, address: str) -> None:
        log.warning("sign_in_failed", address=address)
        if not self._telling.take(""):
            self._untold += 1
            return
        failure: dict[str, str | int] = {
            "address": address,
            "method": request.method,
            "path": request.scope["raw_path"].decode("ascii", "replace")[:LONGEST_PATH],
            "request_id": request.state.request_id,
            "others": self._untold,
        }
        self._untold = 0
        task = asyncio.create_task(self._desk.tell_failure(failure), name="failed-sign-in")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _address(request: Request) -> str:
    """Where the request comes from; of IPv6 the network, because one client has all addresses of it."""
    host = request.client.host if request.client else "unknown"
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
