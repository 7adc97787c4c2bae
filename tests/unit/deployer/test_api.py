"""The HTTP doors of the deployer: what they answer, and how they refuse."""

from typing import Any

import pytest
from pydantic import SecretStr

from services.deployer.api.script_source import EXAMPLE
from services.deployer.domain.dead_letters import NoSuchLetter, NotReplayable
from services.deployer.downloads import PATH, SignedDownloads
from shared.contracts.deliveries import LARGEST_ARTIFACT, DeliveryOutcome
from shared.contracts.identifiers import content_hash
from shared.messaging import Unavailable
from tests.unit.deployer.door import DEPLOY, DEPLOYMENTS, LETTER_ID, LETTERS, SCRIPTS, Door
from tests.unit.deployer.making import OTHER_HASH


async def test_pushing_a_script_stores_versions_and_the_same_again_is_found(door: Door) -> None:
    """Otherwise a push from a build would make a new version every time."""
    first, again = await door.push(), await door.push()
    second = await door.http.post(SCRIPTS, json={"source": EXAMPLE + "# changed\n"})
    assert [first.status_code, again.status_code, second.status_code] == [201, 200, 201]
    assert again.json() == first.json()
    assert first.json()["hash"] == content_hash(EXAMPLE.encode())
    assert (second.json()["script_id"], second.json()["version"]) == ("greeter", 2)


async def test_scripts_are_read_back_byte_for_byte(door: Door) -> None:
    """Otherwise the hash in the list would not be the hash of what one gets."""
    source = EXAMPLE.replace("\n", "\r\n") + "# é\n"
    pushed = (await door.push(source)).json()
    version = (await door.http.get(f"{SCRIPTS}/greeter/versions/1")).json()
    assert version == pushed | {"source": source}
    script = (await door.http.get(f"{SCRIPTS}/greeter")).json()
    assert script == {"script_id": "greeter", "latest_version": 1, "versions": [pushed]}
    listed = (await door.http.get(SCRIPTS)).json()
    assert [(one["script_id"], one["latest_version"]) for one in listed["items"]] == [("greeter", 1)]


async def test_a_script_with_an_error_names_line_column_and_path(door: Door) -> None:
    """Otherwise an author would have to search the file for the mistake."""
    response = await door.push(EXAMPLE.replace("reply:", "repyl:"))
    problem = response.json()
    assert response.status_code == 422 and response.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "urn:callboard:problem:script-invalid"
    assert problem["errors"][0]["field"].startswith("7:9 scenes.hello.steps[0]")
    assert {"field", "message", "hint"} == set(problem["errors"][0])


async def test_a_script_whose_tests_fail_is_not_stored(door: Door) -> None:
    """Otherwise every node would find out for itself that the script does not do what it says."""
    response = await door.push(EXAMPLE.replace("expect: Hello, Ana!", "expect: Bye, Ana!"))
    problem = response.json()
    assert (response.status_code, problem["title"]) == (422, "script tests failed")
    assert problem["errors"][0]["field"] == "13:9 tests[0].dialogue[1]"
    assert "greets" in problem["errors"][0]["message"] and "Bye, Ana!" in problem["errors"][0]["message"]
    assert (await door.http.get(SCRIPTS)).json()["items"] == []


@pytest.mark.parametrize(
    ("content", "media_type", "status", "says"),
    [
        (b"\xff\xfe", "application/yaml", 422, "byte 0 is not UTF-8"),
        (b"", "application/yaml", 422, "the document is empty"),
        (b"a: [", "text/plain", 422, "nothing was stored"),
        (b"{}", "application/json", 422, "body.source"),
        (b'{"source": "x", "more": 1}', "application/json", 422, "body.more"),
        (b"{", "application/json", 422, "body"),
        (b'{"source": "\\ud800"}', "application/json", 422, "body"),
        (b"x", "application/x-www-form-urlencoded", 415, "application/yaml"),
        (b"#" * (LARGEST_ARTIFACT + 1), "application/yaml", 413, "at most"),
        (b"#" * (3 * 1024 * 1024), "application/yaml", 413, "nothing was taken in"),
    ],
)
async def test_a_body_that_is_no_script_is_refused_with_the_reason(
    door: Door, content: bytes, media_type: str, status: int, says: str
) -> None:
    """Otherwise a mistake of a client would be an error of the service."""
    response = await door.http.post(SCRIPTS, content=content, headers={"content-type": media_type})
    assert response.status_code == status
    assert says in response.text


async def test_a_deployment_is_accepted_and_can_be_followed(door: Door) -> None:
    """The path of an operator: push, deploy, look."""
    pushed = (await door.push()).json()
    response = await door.http.post(DEPLOY, json={"selector": "all", "version": None, "bind": "all"})
    assert response.status_code == 202
    ordered = response.json()
    assert ordered == {
        "deployment_id": ordered["deployment_id"],
        "script_id": "greeter",
        "version": 1,
        "hash": pushed["hash"],
        "removes": False,
        "nodes": 2,
        "unplayed": 0,
        "state": "running",
        "plan_hash": ordered["plan_hash"],
        "takes_over": [],
    }
    await door.stand.reconcile()
    (listed,) = (await door.http.get(DEPLOYMENTS)).json()["items"]
    assert (listed["state"], listed["totals"]["sent"], listed["totals"]["verified"]) == ("running", 2, 0)
    assert (listed["bind"], listed["targets"]) == ("all", {"selector": "all"})
    shown = (await door.http.get(f"{DEPLOYMENTS}/{ordered['deployment_id']}")).json()
    assert {name: shown[name] for name in listed} == listed
    assert [(one["node_id"], one["state"], one["attempts"]) for one in shown["deliveries"]] == [
        ("demo-a", "sent", 1),
        ("demo-b", "sent", 1),
    ]


async def test_the_result_of_each_node_is_shown(door: Door) -> None:
    """Otherwise an operator would know that it failed, and not where and why."""
    await door.push()
    ordered = (await door.http.post(DEPLOY, json={"node_ids": ["demo-a"]})).json()
    await door.stand.reconcile()
    async with door.stand.store.begin() as transaction:
        (delivery,) = await transaction.deliveries.page(ordered["deployment_id"], None, 9)
    await door.stand.tell(delivery, DeliveryOutcome.APPLIED)
    shown = (await door.http.get(f"{DEPLOYMENTS}/{ordered['deployment_id']}")).json()
    assert (shown["state"], shown["totals"]["verified"]) == ("succeeded", 1)
    (result,) = shown["deliveries"]
    assert (result["state"], result["reported_hash"]) == ("verified", ordered["hash"])


async def test_lists_come_in_pages(door: Door) -> None:
    """Otherwise a long history or a wide rollout could not be read to its end."""
    await door.push()
    ids = [(await door.http.post(DEPLOY, json={"selector": "all"})).json()["deployment_id"] for _ in range(3)]
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        page = (await door.http.get(DEPLOYMENTS, params={"limit": 1} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [one["deployment_id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert (seen, cursor) == (ids[::-1], None)
    first = (await door.http.get(f"{DEPLOYMENTS}/{ids[0]}?limit=1")).json()
    rest = (await door.http.get(f"{DEPLOYMENTS}/{ids[0]}", params={"cursor": first["next_cursor"]})).json()
    assert [one["node_id"] for one in first["deliveries"] + rest["deliveries"]] == ["demo-a", "demo-b"]
    of_state = (await door.http.get(DEPLOYMENTS, params={"state": "running", "script_id": "greeter"})).json()
    assert [one["deployment_id"] for one in of_state["items"]] == [ids[2]]


@pytest.mark.parametrize("cursor", ["x", "bnVsbA", "WyJhIl0", "W10", "é", "WyJub3doZW4iLCJhIl0"])
async def test_a_cursor_that_was_not_made_here_is_refused(door: Door, cursor: str) -> None:
    """Otherwise a mangled link would be an error of the service."""
    response = await door.http.get(DEPLOYMENTS, params={"cursor": cursor})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "query.cursor"


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({}, "body", "exactly one of node_ids and selector"),
        ({"node_ids": ["demo-a"], "selector": "all"}, "body", "exactly one of node_ids and selector"),
        ({"node_ids": []}, "body.node_ids", "at least 1"),
        ({"node_ids": ["Demo A"]}, "body.node_ids.0", "1 to 63 characters of a-z"),
        ({"node_ids": "demo-a"}, "body.node_ids", "list"),
        ({"selector": "region"}, "body.selector", "write label=value"),
        ({"selector": "region=mars"}, "body.selector", "matches none of the 2 known nodes"),
        ({"selector": "all", "version": 0}, "body.version", "greater than or equal to 1"),
        ({"selector": "all", "bind": "some"}, "body.bind", "all"),
        ({"selector": "all", "version": "1"}, "body.version", "must be a whole number"),
        ({"selector": "all", "version": True}, "body.version", "must be a whole number"),
        ({"selector": "all", "bind": 5}, "body.bind", "must be a list"),
        ({"selector": "all", "bind": ["a", "b c"]}, "body.bind.1", "1 to 64 characters of a-z"),
        ({"selector": "all", "bind": ["a", "a"]}, "body.bind.1", "names 'a' again"),
        ({"node_ids": ["demo-a", "demo-a"]}, "body.node_ids.1", "names 'demo-a' again"),
        ({"selectr": "all"}, "body.selectr", "did you mean 'selector'?"),
        ({"node_ids": ["demo-a", "demo-c"]}, "body.node_ids.1", "did you mean demo-b or demo-a?"),
    ],
)
async def test_an_order_with_a_mistake_names_the_field(door: Door, body: Any, field: str, says: str) -> None:
    """Otherwise an operator would have to guess what to change."""
    await door.push()
    problem = await door.refused(body)
    assert problem["errors"][0]["field"].startswith(field)
    assert says in str(problem["errors"])
    assert (await door.http.get(DEPLOYMENTS)).json()["items"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "slug"),
    [
        ("POST", DEPLOY.replace("greeter", "nobody"), {"selector": "all"}, "no-such-script"),
        ("POST", DEPLOY, {"selector": "all", "version": 7}, "no-such-version"),
        ("GET", f"{SCRIPTS}/nobody", None, "no-such-script"),
        ("GET", f"{SCRIPTS}/greeter/versions/7", None, "no-such-version"),
        ("GET", f"{DEPLOYMENTS}/dep_{'f' * 32}", None, "no-such-deployment"),
    ],
)
async def test_what_does_not_exist_is_not_found(door: Door, method: str, path: str, body: Any, slug: str) -> None:
    """Otherwise a program could not tell a wrong name from a fault."""
    await door.push()
    response = await door.http.request(method, path, json=body)
    assert response.status_code == 404
    assert response.json()["type"].endswith(slug)


async def test_a_signed_link_opens_its_artifact_without_a_token_of_the_operator(door: Door) -> None:
    """Otherwise a node, which has no operator's token, could not fetch a large script."""
    pushed = (await door.push()).json()
    url = door.downloads.url_of(pushed["hash"])
    response = await door.http.get(url, headers={"authorization": ""})
    assert (response.status_code, response.content) == (200, EXAMPLE.encode())
    assert response.headers["content-type"].startswith("application/yaml")


async def test_a_link_that_was_changed_or_is_old_opens_nothing(door: Door) -> None:
    """Otherwise one link would open every script for ever."""
    pushed = (await door.push()).json()
    url = door.downloads.url_of(pushed["hash"])
    other = door.downloads.url_of(OTHER_HASH).split("token=")[1]
    stale = SignedDownloads(SecretStr("secret-of-the-tests"), "http://door", valid_seconds=-1)
    assert "has expired" in str(stale.refusal(pushed["hash"], url.split("token=")[1]))
    for wrong, says in (
        (url + "x", "not made by this deployer"),
        (url.split("=")[0] + "=" + other, "another artifact"),
    ):
        response = await door.http.get(wrong)
        assert response.status_code == 403 and says in response.json()["detail"]
    assert (await door.http.get(f"{PATH}/{pushed['hash']}")).status_code == 422
    assert (await door.http.get(door.downloads.url_of(OTHER_HASH))).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", SCRIPTS),
        ("POST", SCRIPTS),
        ("POST", DEPLOY),
        ("GET", DEPLOYMENTS),
        ("GET", LETTERS),
        ("DELETE", f"{LETTERS}/{LETTER_ID}"),
    ],
)
async def test_every_door_but_the_downloads_needs_the_operators_token(door: Door, method: str, path: str) -> None:
    """Otherwise anybody in reach could deploy."""
    response = await door.http.request(method, path, headers={"authorization": "Bearer wrong"})
    assert response.status_code == 401


async def test_dead_letters_are_shown_replayed_and_dropped(door: Door) -> None:
    """Otherwise an operator would need the broker's console for it."""
    (letter,) = (await door.http.get(LETTERS)).json()["items"]
    assert (letter["id"], letter["queue"], letter["reason"], letter["body"]) == (LETTER_ID, "q", "because", "{}")
    assert (await door.http.get(f"{LETTERS}/{LETTER_ID}")).json() == letter
    replayed = await door.http.post(f"{LETTERS}/{LETTER_ID}/replay")
    dropped = await door.http.delete(f"{LETTERS}/{LETTER_ID}")
    assert replayed.json() == {"id": LETTER_ID, "outcome": "replayed"}
    assert dropped.json() == {"id": LETTER_ID, "outcome": "dropped"}


@pytest.mark.parametrize(
    ("outcome", "status", "slug"),
    [
        (NoSuchLetter(), 404, "no-such-letter"),
        (NotReplayable("no queue takes it"), 409, "not-replayable"),
        (Unavailable("refused"), 503, "unavailable"),
    ],
)
async def test_a_letter_that_cannot_be_replayed_says_why(door: Door, outcome: Any, status: int, slug: str) -> None:
    """Otherwise an operator would think that the message is on its way again."""
    door.letters.outcome = outcome
    response = await door.http.post(f"{LETTERS}/{LETTER_ID}/replay")
    assert response.status_code == status
    assert response.json()["type"].endswith(slug)
    assert ("retry-after" in response.headers) == (status == 503)
    assert (await door.http.get(f"{LETTERS}/nonsense")).status_code == 422


async def test_the_document_describes_every_operation(door: Door) -> None:
    """Otherwise the API's pages would have entries that say nothing."""
    paths = (await door.http.get("/openapi.json")).json()["paths"]
    operations = [operation for path, item in paths.items() if "/api/" in path for operation in item.values()]
    assert len(operations) == 22
    assert all(operation["tags"] and operation["summary"] and operation["description"] for operation in operations)
    push = paths[SCRIPTS]["post"]["requestBody"]["content"]
    assert push["application/yaml"]["example"] == EXAMPLE
