"""`callboard-agent join URL TOKEN`: make this machine a node of the back office at that address.

The machine makes its keys and shows the public halves with a proof that it has the private ones; what it gets is
written before anything is said. A machine whose answer got lost asks again with the same keys: that is no second join.

Where the machine does not reach the back office, whoever reaches both carries the two messages: `request_of` is what
the machine asks, `taken` is what it makes of the answer.
"""

import base64
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import ValidationError

from services.node_agent.domain.membership import Membership
from services.node_agent.store.identity_file import IdentityFile
from shared.contracts.enrolments import ENROL_PATH, Enrolled, proof_of
from shared.sealing import sealing_key_of
from shared.signing import signature_of, verifying_key_of
from shared.tls import needed, trusting

TIMEOUT = httpx.Timeout(20.0, connect=10.0)
# The back office may be starting: the deployer has to tell its keys first.
TRIES, PAUSE_SECONDS = 20, 0.5
_PASSING = (429, 502, 503, 504)


@dataclass(frozen=True)
class NotLetIn:
    """The machine did not join; what to do about it."""

    reason: str


@dataclass(frozen=True)
class Ask:
    """What the operator said: where, with which token, and the id that the node shall have."""

    url: str
    token: str
    node_id: str | None = None
    ca: str | None = None
    agent_version: str = ""


def join(ask: Ask, identity: IdentityFile, sleep: Callable[[float], None] = time.sleep) -> Membership | NotLetIn:
    """Join, and write who this machine is now. Raises OSError when that cannot be written."""
    try:
        verify = trusting(ask.ca)
    except ValueError as error:
        return NotLetIn(str(error))
    with httpx.Client(base_url=ask.url, timeout=TIMEOUT, verify=needed(ask.url, verify)) as client:
        answer = _asked(client, request_of(ask, identity), sleep)
    return answer if isinstance(answer, NotLetIn) else taken(ask, identity, answer.content)


def taken(ask: Ask, identity: IdentityFile, answer: bytes) -> Membership | NotLetIn:
    """Write who this machine is now, as the back office has answered. Raises OSError."""
    keys = identity.keys_to_join_with()
    try:
        given = Enrolled.model_validate_json(answer)
    except ValidationError:
        return NotLetIn(f"{ask.url} answers with something else than Callboard does: is it the console's address?")
    # Whom the operator named on the machine itself is trusted before whom the back office names.
    given = given.model_copy(update={"ca": ask.ca or given.ca})
    membership = Membership(url=ask.url, sealing_key=keys.sealing_key, signing_key=keys.signing_key, given=given)
    identity.write(membership)
    return membership


def request_of(ask: Ask, identity: IdentityFile) -> dict[str, Any]:
    """What this machine asks. Raises OSError when its keys cannot be kept."""
    keys = identity.keys_to_join_with()
    sealing = base64.b64encode(sealing_key_of(base64.b64decode(keys.sealing_key))).decode()
    private = base64.b64decode(keys.signing_key)
    signing = base64.b64encode(verifying_key_of(private)).decode()
    request: dict[str, Any] = {
        "token": ask.token,
        "sealing_key": sealing,
        "signing_key": signing,
        "proof": signature_of(private, proof_of(ask.token, sealing, signing)),
        "hostname": socket.gethostname()[:255],
        "agent_version": ask.agent_version,
    }
    return request | ({"node_id": ask.node_id} if ask.node_id else {})


def _asked(client: httpx.Client, request: dict[str, Any], sleep: Callable[[float], None]) -> httpx.Response | NotLetIn:
    problem = ""
    for attempt in range(TRIES):
        if attempt:
            sleep(PAUSE_SECONDS)
        try:
            answer = client.post(ENROL_PATH, json=request)
        except httpx.HTTPError as error:
            problem = f"{client.base_url} does not answer: {type(error).__name__}: {error}"
            continue
        if answer.is_success:
            return answer
        problem = _told(answer)
        if answer.status_code not in _PASSING:
            break
    return NotLetIn(problem)


def _told(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the back office answers {answer.status_code}: is it the console's address?"
