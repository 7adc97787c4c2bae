"""The whole API, as its own document describes it, asked by Schemathesis: what fits the document, and what does not.

Every operation at the origin is here by being in the document. No answer may be a fault of ours (5xx), and each must be
one that the document has: its status, its kind, its form. The requests are the same in every run;
`CALLBOARD_FUZZ_EXAMPLES=300` asks for more of them, and takes an hour at most.
"""

import asyncio
import os
import time
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.deployer.api.script_source import EXAMPLE
from tests.integration.cli.office import TOKEN, Office, open_office

EXAMPLES = int(os.environ.get("CALLBOARD_FUZZ_EXAMPLES", "4"))
# Each operation has an equal share of so long; on a slow machine some of its examples are not sent, never all of them.
SECONDS = 10.0 * EXAMPLES
SEED = 5
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
HEADERS = {"authorization": f"Bearer {TOKEN}"}
BEAT = {
    "node_id": "n",
    "accounts": [{"account_id": "a", "status": "online", "script_id": "greeter"}],
    "labels": {"site": "tokyo"},
}


@pytest.fixture
async def office(amqp_url: str, database_url: str) -> AsyncIterator[Office]:
    """A back office at work, with something of everything in it."""
    async with open_office(amqp_url, database_url, at_work=True) as found:
        yield found


async def furnished(office: Office) -> dict[str, str]:
    """Put something of everything into the office: what there is, by the names of path parameters."""

    async def done(method: str, path: str, status: int, **more: Any) -> dict[str, Any]:
        answer = await office.ask(TOKEN, method, path, **more)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    await done("POST", "/api/v1/workers/heartbeat", 200, json=BEAT)
    yaml = {"headers": HEADERS | {"content-type": "application/yaml"}}
    script = await done("POST", "/api/v1/group-ai/scripts", 201, content=EXAMPLE, **yaml)
    token = await done("POST", "/api/v1/tokens", 201, json={"name": "ana", "role": "viewer"})
    deploy = "/api/v1/group-ai/script-deployment/deploy/greeter"
    for _ in range(100):
        answer = await office.ask(TOKEN, "POST", deploy, json={"node_ids": ["n"], "bind": "all"})
        if answer.status_code == 202:
            break
        await asyncio.sleep(0.1)  # the deployer has not heard of the node yet
    return {
        "node_id": "n",
        "account_id": "a",
        "script_id": "greeter",
        "version": "1",
        "content_hash": script["hash"],
        "deployment_id": answer.json()["deployment_id"],
        "token_id": token["id"],
    }


async def test_nothing_that_anybody_asks_is_a_fault(office: Office) -> None:
    """An odd request would take a worker of ours down, fill the log, or answer what no client can read."""
    known = await furnished(office)
    document = (await office.ask(TOKEN, "GET", "/openapi.json")).json()
    assert len(document["paths"]) > 30
    asker = Asker(office.url, known)
    await asyncio.to_thread(asker.ask_everything, document)
    assert not asker.wrong, "\n\n".join(asker.wrong)
    # Asked in vain alone, the doors would be tested and nothing behind them.
    assert len(asker.done) > len(document["paths"]) / 2, sorted(asker.done)


class Asker:
    """Asks every operation in every way. `wrong` is what was wrong with the answers, `done` what was once done."""

    def __init__(self, url: str, known: dict[str, str]) -> None:
        self.wrong: list[str] = []
        self.done: set[str] = set()
        self._url = url
        self._known = known
        self._session = requests.Session()
        self._share = SECONDS

    def ask_everything(self, document: dict[str, Any]) -> None:
        """Go through the document."""
        schema = schemathesis.openapi.from_dict(document)
        with self._session, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the library's own making
            operations = list(schema.get_all_operations())
            self._share = SECONDS / len(operations) / len(schemathesis.GenerationMode)
            for found in operations:
                assert isinstance(found, Ok), f"the document is not valid: {found.err()}"
                operation = found.ok()
                if "text/event-stream" in str(operation.definition.raw["responses"].get("200")):
                    continue  # it never ends
                for mode in schemathesis.GenerationMode:
                    try:
                        self._ask(operation, mode)
                    except Unsatisfiable:
                        pass  # nothing that one could say to it is wrong
                    except Exception as error:
                        self.wrong.append(f"{operation.label}, {mode.value}: {error}")

    def _ask(self, operation: Any, mode: schemathesis.GenerationMode) -> None:
        began, sent = time.monotonic(), 0

        @seed(SEED)
        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
        def asked(case: Case[Any], real: bool) -> None:
            nonlocal sent
            if sent and time.monotonic() - began > self._share:
                return
            sent += 1
            if real:
                there = {name: value for name, value in self._known.items() if name in (case.path_parameters or {})}
                case.path_parameters = {**(case.path_parameters or {}), **there}
            _stay_here(case)
            answer = case.call(base_url=self._url, session=self._session, headers=HEADERS, timeout=30)
            if answer.status_code < 400:
                self.done.add(operation.label)
            case.validate_response(answer, checks=CHECKS)

        asked()


def _stay_here(case: Case[Any]) -> None:
    """Wait for nothing, and reach no machine but this one."""
    if case.query and "wait" in case.query:
        case.query["wait"] = 0
    if isinstance(case.body, dict) and "host" in case.body:
        case.body |= {"host": "127.0.0.1", "port": 1}
