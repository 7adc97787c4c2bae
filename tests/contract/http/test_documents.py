"""The OpenAPI pages are enough to write a client from: every operation says what it does and what it refuses."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.registry.api.worker_orders import WorkerResult
from services.registry.api.workers import WorkerHeartbeatRequest, WorkerHeartbeatResponse
from shared.contracts.deliveries import DeliverArtifact
from shared.contracts.enrolments import ENROL_PATH
from shared.contracts.identifiers import IN_WORDS
from shared.http.document import operations
from tests.contract.http.documents import deployer_document, merged_document, registry_document, sandbox_document

VERBS = {
    "Abort", "Add", "Adopt", "Answer", "Apply", "Approve", "Assign", "Back", "Begin", "Change", "Clear", "Compare",
    "Confirm", "Count", "Cut", "Deploy", "Download", "Drain", "Drop", "End", "Fetch", "Follow", "Forget", "Inject",
    "Install", "Join", "Kill", "Let", "List", "Look", "Make", "Overwrite", "Pause", "Plan", "Push", "Read", "Remove",
    "Replay", "Report", "Restore", "Resume", "Retry", "Revoke", "Roll", "Rotate", "Say", "Scan", "Set", "Sign", "Take",
    "Tell", "Test", "Upload",
}  # fmt: skip
# What needs no token, because it tells nothing of the fleet or brings an authorisation of its own.
OPEN = {
    "/health/live",
    "/health/ready",
    "/api/v1/group-ai/script-artifacts/{content_hash}",
    "/api/v1/group-ai/session-deliveries/{node_id}",
    ENROL_PATH,
}
PROBLEM = "application/problem+json"


@pytest.fixture(params=["registry", "deployer", "origin", "sandbox"])
async def document(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Each document in turn."""
    match request.param:
        case "registry":
            return registry_document()
        case "deployer":
            return deployer_document()
        case "origin":
            return merged_document()
        case _:
            async with sandbox_document(tmp_path) as told:
                return told


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    """A generated 'Listed' or 'One' sends the reader to the code."""
    described = {tag["name"]: tag["description"] for tag in document["tags"]}
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"].split()[0] in VERBS and len(operation["summary"]) <= 50, where
        assert operation["summary"] != operation["description"], where
        assert re.fullmatch(r"[A-Z].*\.", operation["description"], re.DOTALL), where
        assert all(described[tag] for tag in operation["tags"]) and operation["tags"], where


def test_operation_ids_are_short_and_unique(document: dict[str, Any]) -> None:
    """Generated clients would have methods such as `one_api_v1_workers__node_id__get`, or two of one name."""
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", one) for one in ids), ids


def test_every_operation_tells_its_refusals(document: dict[str, Any]) -> None:
    """A client would meet answers that its author could not have known of."""
    assert {"FieldError", "Problem"} <= document["components"]["schemas"].keys()
    assert "HTTPValidationError" not in json.dumps(document)
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        expected = {"422", "500"} | ({"401", "403"} if path not in OPEN else set())
        expected |= {"413", "415"} if "requestBody" in operation else set()
        assert expected <= operation["responses"].keys(), where
        for status, response in operation["responses"].items():
            if int(status) < 400 or (path == "/health/ready" and status == "503"):
                continue
            told = response["content"][PROBLEM]
            assert response["content"].keys() == {PROBLEM}, where
            assert told["schema"] == {"$ref": "#/components/schemas/Problem"}, where
            assert told["examples"], where
            for slug, example in told["examples"].items():
                assert example["value"]["type"] == f"urn:callboard:problem:{slug}", where
                assert example["value"]["status"] == int(status), where


def test_only_what_is_meant_to_be_open_is_open(document: dict[str, Any]) -> None:
    """An operation that forgot the sign-in shows the fleet to everybody."""
    scheme = {"type": "http", "scheme": "bearer", "description": "the operator's token"}
    assert document["components"]["securitySchemes"] == {"HTTPBearer": scheme}
    for method, path, operation in operations(document):
        assert operation.get("security") == (None if path in OPEN else [{"HTTPBearer": []}]), f"{method} {path}"


def test_parameters_say_what_they_are(document: dict[str, Any]) -> None:
    """A pattern without words has to be deciphered by whoever sends the wrong id."""
    if "sandbox" in document["info"]["title"]:
        return
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", []):
            where = f"{method} {path} {parameter['name']}"
            assert parameter.get("description"), where
            for pattern in re.findall(r'"pattern": "(.*?)"', json.dumps(parameter)):
                assert json.loads(f'"{pattern}"') in IN_WORDS, where


def test_every_reference_has_its_target(document: dict[str, Any]) -> None:
    """A document with a hanging reference is refused by every generator."""
    for reference in set(re.findall(r'"\$ref": "#/([^"]*)"', json.dumps(document))):
        part: Any = document
        for step in reference.split("/"):
            part = part[step]
        assert part


def test_the_origin_tells_what_the_way_through_it_adds() -> None:
    """A client in front of the console meets 502 and 504, which no service gives by itself."""
    document = merged_document()
    for method, path, operation in operations(document):
        own = path.startswith("/health")
        assert ({"502", "503", "504"} <= operation["responses"].keys()) != own, f"{method} {path}"
    listing = document["paths"]["/api/v1/workers"]["get"]["responses"]["503"]["content"][PROBLEM]["examples"]
    assert listing.keys() == {"unavailable", "sign-in-away", "upstream-away", "upstream-busy"}


def test_a_worker_can_be_written_from_the_page_alone() -> None:
    """Somebody else's worker would lose its lease, or run an account that another node has."""
    told = registry_document()
    operation = told["paths"]["/api/v1/workers/heartbeat"]["post"]
    for word in ("lease_seconds / 3", "disconnect its accounts", "409", "503", "*sent*"):
        assert word in operation["description"]
    body, answer = (
        told["components"]["schemas"][name] for name in ("WorkerHeartbeatRequest", "WorkerHeartbeatResponse")
    )
    assert all(field.get("description") for field in body["properties"].values() if "items" not in field)
    for example in body["examples"]:
        WorkerHeartbeatRequest.model_validate(example)
    for example in answer["examples"]:
        WorkerHeartbeatResponse.model_validate(example)


def test_a_worker_can_obey_from_the_page_alone() -> None:
    """Somebody else's worker would not know what an order is, or how to tell what became of it."""
    told = registry_document()
    path = told["paths"]["/api/v1/workers/{node_id}/commands"]
    for word in ("handed over once", "apply it once", "long poll"):
        assert word in path["get"]["description"]
    schemas = told["components"]["schemas"]
    for word in ("delivery_id", "attempt", "content", "url", "size", "SHA-256", "bind", "issued_at"):
        assert word in schemas["WorkerOrder"]["properties"]["body"]["description"]
    assert all(field.get("description") for field in schemas["WorkerResult"]["properties"].values())
    for example in schemas["WorkerResult"]["examples"]:
        WorkerResult.model_validate(example)
    for example in schemas["WorkerOrder"]["examples"]:
        DeliverArtifact.model_validate(example["body"])
