"""A push and a removal as a form, what is told at which field, and how a deployment tells what was said."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.console import app
from services.console.clients.api import Refused
from services.console.clients.deployments import Deployment
from services.console.pages.deployments import waits_for_window
from services.console.pages.desk import Form
from services.console.pages.rollout_form import TRIED, read_push, read_removal, refused_fields, unfolded
from services.console.settings import ConsoleSettings
from services.deployer.api.deploy_body import DeployBody, TargetBody
from services.deployer.domain.rollout import CAUSES, RETRIES
from shared.clock import SystemClock
from shared.contracts.deliveries import FailureCause
from shared.contracts.deployments import DeliveryState
from tests.unit.console.office import SCREEN

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOKEN = "a-token-for-these-tests"
CAREFUL = {"node": ["a", "b"], "version": ["3"], "bind": ["all"], "groups": ["careful"], "stop": ["20"]}
EVERYTHING = {
    "by": ["selector"],
    "selector": ["site=tokyo"],
    "bind": ["accounts"],
    "accounts": ["acc-1, acc-2"],
    "groups": ["own"],
    "own_groups": ["1, 10%, rest"],
    "stop": ["5"],
    "stop_least": ["10"],
    "stop_then": ["abort"],
    "stop_cause": ["tests_failed", "timed_out"],
    "success": ["95 %"],
    "deadline": ["own"],
    "own_deadline": ["1d 12h"],
    "rate": ["10"],
    "rate_factor": ["2"],
    "rate_after": ["50"],
    "rate_most": ["0.5"],
    "start_at": ["2026-03-01T22:30"],
    "zone": ["Asia/Taipei"],
    "window_from": ["22:00:00"],
    "window_to": ["04:00"],
    "window_day": ["tue", "mon"],
    "window_zone": ["Europe/Berlin"],
    "dynamic": ["yes"],
    "receive": ["90s"],
    "verify": ["2h"],
    "retry_storage_failed": ["0"],
    "drift": ["report"],
}


def test_an_order_has_the_defaults_of_a_careful_operator() -> None:
    """Who only chooses nodes must not push to all of them at once."""
    read = read_push(Form(CAREFUL), NOW)
    assert read.mistakes == {}
    assert read.order == {
        "node_ids": ["a", "b"],
        "version": 3,
        "bind": "all",
        "rollout": {"groups": [1, "100%"], "stop": [{"failed_percent": 20, "least": 1, "then": "pause"}]},
    }
    by_label = read_push(Form({"by": ["selector"], "selector": ["site=tokyo"], "groups": ["made up"]}), NOW).order
    assert by_label == {"selector": "site=tokyo", "version": None, "bind": None, "rollout": {"groups": [1, "100%"]}}
    assert not unfolded(Form(CAREFUL), ())


def test_everything_that_can_be_said_is_in_the_order() -> None:
    """A field that is read into nothing is a promise that the rollout does not keep."""
    read = read_push(Form(EVERYTHING), NOW)
    assert read.mistakes == {}
    assert read.order["rollout"] == {
        "groups": [1, "10%", "100%"],
        "success_percent": 95,
        "rate": {"per_minute": 10, "factor": 2, "after_verified": 50, "most_per_minute": 0.5},
        "stop": [{"failed_percent": 5, "least": 10, "then": "abort", "causes": ["tests_failed", "timed_out"]}],
        "timers": {"receive_seconds": 90, "verify_seconds": 7200},
        "retries": {"storage_failed": 0},
        "deadline_seconds": 129_600,
        "start_at": "2026-03-01T22:30:00+08:00",
        "window": {"from": "22:00", "to": "04:00", "time_zone": "Europe/Berlin", "days": ["mon", "tue"]},
        "dynamic": True,
        "drift": "report",
    }
    assert read.order["bind"] == ["acc-1", "acc-2"]
    assert unfolded(Form(EVERYTHING), ())
    assert DeployBody.model_validate(read.order).rollout.dynamic
    # All but the approval, which is what the page's plan is.
    fields = DeployBody.model_validate(read.order).rollout
    assert type(fields).model_fields.keys() - fields.model_fields_set == {"approval"}


def test_a_removal_says_how_and_nothing_of_a_version() -> None:
    """The door of removals refuses what it does not know."""
    read = read_removal(Form(EVERYTHING), NOW)
    assert read.order.keys() == {"selector", "rollout"}
    assert TargetBody.model_validate(read.order).rollout.rate is not None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"node": ""}, "node"),
        ({"by": "selector", "selector": " "}, "selector"),
        ({"rate": "fast"}, "rate"),
        ({"rate": "0"}, "rate"),
        ({"rate": "10", "rate_factor": "2"}, "rate_after"),
        ({"rate": "10", "rate_factor": "1", "rate_after": "5"}, "rate_factor"),
        ({"rate_most": "600"}, "rate"),
        ({"groups": "own"}, "own_groups"),
        ({"groups": "own", "own_groups": "rest, 1"}, "own_groups"),
        ({"groups": "own", "own_groups": "0"}, "own_groups"),
        ({"groups": "own", "own_groups": "110%"}, "own_groups"),
        ({"deadline": "own", "own_deadline": ""}, "own_deadline"),
        ({"deadline": "own", "own_deadline": "5"}, "own_deadline"),
        ({"deadline": "own", "own_deadline": "367d"}, "own_deadline"),
        ({"receive": "0s"}, "receive"),
        ({"success": "101"}, "success"),
        ({"stop": "20", "stop_least": "0"}, "stop_least"),
        ({"start_at": "2026-03-01T11:00"}, "start_at"),
        ({"start_at": "tomorrow"}, "start_at"),
        ({"start_at": "2026-03-02T11:00", "zone": "Mars/Olympus"}, "start_at"),
        ({"window_from": "22:00"}, "window_to"),
        ({"window_from": "22:00", "window_to": "22:00"}, "window_to"),
        ({"window_from": "25:00", "window_to": "22:00"}, "window_from"),
        ({"window_from": "22:00", "window_to": "04:00", "window_zone": "../etc"}, "window_zone"),
        ({"window_day": "mon"}, "window_from"),
        ({"retry_tests_failed": "1001"}, "retry_tests_failed"),
        ({"bind": "accounts", "accounts": " , "}, "accounts"),
    ],
)
def test_what_cannot_be_meant_is_told_at_its_field(given: dict[str, str], field: str) -> None:
    """'Something is wrong' above a form of thirty fields is no help."""
    read = read_push(Form({name: [value] for name, value in ({"node": "a"} | given).items()}), NOW)
    assert next(iter(read.mistakes), None) == field


def test_what_the_deployer_refuses_is_told_at_its_field() -> None:
    """It knows which nodes there are; the form knows where they were chosen."""
    errors = [
        {"field": "body.rollout.rate.per_minute", "message": "must be less than or equal to 1000000"},
        {"field": "body.rollout.window.time_zone", "message": "there is no time zone"},
        {"field": "body.node_ids.3", "message": "has never reported"},
        {"field": "body.rollout.retries.storage_failed", "message": "too many"},
        {"field": "body.surprise", "message": "there is no such field"},
    ]
    told, left = refused_fields(Refused(422, "invalid-request", "", errors))
    assert told.keys() == {"rate", "window_zone", "node", "retry_storage_failed"}
    assert left == errors[-1:]


def test_the_form_offers_the_deployers_own_causes() -> None:
    """A cause that is new there is one that nobody can count here."""
    assert {cause: RETRIES if FailureCause(cause).retryable else 0 for cause in TRIED} == TRIED
    assert set(CAUSES) - TRIED.keys() == {"timed_out", "other"}


def a_deployment(**given: Any) -> dict[str, Any]:
    """As the deployer answers."""
    totals = {state.value: 0 for state in DeliveryState} | {"pending": 2}
    nothing = dict.fromkeys(
        ("reason", "bind", "plan_hash", "retry_of", "rollback_of", "started_at", "deadline_at", "finished_at")
    )
    return {
        **nothing, "deployment_id": "dep_1", "script_id": "desk", "version": 3, "hash": "sha256:ab", "state": "planned",
        "total": 2, "totals": totals, "groups": [{"group": 1, "size": 2, "held": 2, "totals": {}}], "causes": {},
        "targets": {"selector": "site=tokyo"}, "rollout": {}, "created_at": "2026-03-01T12:00:00Z", "deliveries": [],
        "next_cursor": None, "removes": False, **given,
    }  # fmt: skip


def test_a_window_that_is_closed_is_told() -> None:
    """A rollout that stands still looks broken unless it says what it waits for."""
    window = {"window": {"from": "22:00", "to": "04:00"}}
    waiting = a_deployment(state="running", rollout=window)
    assert waits_for_window(Deployment.model_validate(waiting))
    assert not waits_for_window(Deployment.model_validate(waiting | {"rollout": {}}))
    assert not waits_for_window(Deployment.model_validate(waiting | {"totals": waiting["totals"] | {"sent": 1}}))


class Office:
    """Both services, as far as these pages ask; what was ordered of them is kept."""

    def __init__(self) -> None:
        self.ordered: list[tuple[str, Any]] = []
        self.deployment = a_deployment()
        self.refuses: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        path = request.url.path
        if request.method == "POST":
            self.ordered.append((path.rpartition("script-deployment/")[2], json.loads(request.content)))
            if self.refuses:
                body = {"type": "urn:x:invalid-request", "detail": "no", "errors": self.refuses}
                return httpx.Response(422, json=body)
            return httpx.Response(202, json={**self.deployment, "nodes": 2, "takes_over": []})
        if path == "/api/v1/workers":
            return httpx.Response(200, json={"items": [], "next_cursor": None})
        if path.endswith("/plan"):
            had = {"version": 2, "hash": "sha256:ab", "accounts": ["acc-7"]}
            entry = {"node_id": "tokyo-7", "group": 1, "has": had, "will_have": None, "loses": [], "time_zone": None}
            plan = {"deployment_id": "dep_1", "plan_hash": None, "state": "planned", "total": 2, "items": [entry]}
            return httpx.Response(200, json=plan | {"next_cursor": None})
        if "script-deployment" in path:
            return httpx.Response(200, json=self.deployment)
        version = {"script_id": "desk", "version": 3, "hash": "sha256:ab", "title": "", "size": 1}
        version["created_at"] = "2026-03-01T12:00:00Z"
        return httpx.Response(200, json={"script_id": "desk", "latest_version": 3, "versions": [version]})


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Office:
    """What is behind the console."""
    office = Office()
    transport = httpx.MockTransport(office)
    monkeypatch.setattr(app, "_client", lambda *_: httpx.AsyncClient(transport=transport))
    monkeypatch.setattr(app, "Screen", lambda _: SCREEN)
    return office


@asynccontextmanager
async def operator(language: str = "en") -> AsyncIterator[httpx.AsyncClient]:
    """A browser that has signed in."""
    settings = ConsoleSettings.model_validate(
        {"registry_url": "http://registry", "deployer_url": "http://deployer", "token": TOKEN}
    )
    origin = "http://console"
    transport = httpx.ASGITransport(app.build_api(settings, SystemClock()))
    headers = {"origin": origin, "accept-language": language}
    async with httpx.AsyncClient(transport=transport, base_url=origin, headers=headers) as client:
        assert (await client.post("/sign-in", data={"token": TOKEN, "next": "/"})).status_code == 303
        yield client


@pytest.mark.parametrize(("language", "told"), [("en", "Write a number"), ("zh-TW", "請填寫數字")])
async def test_a_mistake_keeps_the_form_as_it_was(office: Office, language: str, told: str) -> None:
    """What was typed stays, what is wrong is open and marked, and nothing was ordered."""
    async with operator(language) as browser:
        page = (await browser.get("/scripts/desk/push")).text
        assert '<details class="card folded">' in page
        answer = await browser.post("/scripts/desk/push", data={"node": "a", "rate": "fast", "window_from": "22:00"})
    assert answer.status_code == 422
    assert told in answer.text
    assert '<details class="card folded" open>' in answer.text
    assert 'value="fast" ' in answer.text
    assert 'aria-describedby="wrong-rate" autofocus' in answer.text
    assert office.ordered == []


async def test_a_refusal_is_told_at_its_field(office: Office) -> None:
    """The deployer's word counts, and stands where it belongs."""
    office.refuses = [{"field": "body.selector", "message": "matches none of the 3 known nodes"}]
    async with operator("zh-TW") as browser:
        answer = await browser.post("/scripts/desk/push", data={"by": "selector", "selector": "a=b"})
    assert answer.status_code == 422
    assert 'id="wrong-selector">已知的 3 個節點都不符合' in answer.text


async def test_a_removal_is_planned_and_confirmed_by_name(office: Office) -> None:
    """It only plans at first; what is confirmed names the nodes, and who plays nothing then."""
    async with operator() as browser:
        answer = await browser.post("/scripts/desk/remove", data={"node": ["a", "b"]})
        assert (answer.status_code, answer.headers["location"]) == (303, "/deployments/dep_1")
        order = {"node_ids": ["a", "b"], "rollout": {"groups": [1, "100%"], "approval": True}}
        assert office.ordered == [("remove/desk", order)]
        office.deployment = a_deployment(removes=True, plan_hash="sha256:ab")
        page = (await browser.get("/deployments/dep_1")).text
        assert "Removal of desk" in page
        assert "acc-7" in page
        asked = (await browser.get("/deployments/dep_1/approve")).text
        assert "tokyo-7" in asked
        assert '<button class="danger">Remove</button>' in asked
        await browser.post("/deployments/dep_1/approve", data={"plan_hash": "sha256:ab", "even_if_changed": "yes"})
    assert office.ordered[-1][1] == {"plan_hash": "sha256:ab", "even_if_changed": True}


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ("2 hours", "times 2 after every 50 verified", "Mon, Tue", "each node's own", "aborts when 5 %")),
        ("zh-TW", ("2 小時", "就乘以 2", "週一, 週二", "各節點自己的時區", "失敗達 5 % 時中止")),
    ],
)
async def test_a_deployment_tells_how_it_goes(office: Office, language: str, told: tuple[str, ...]) -> None:
    """What nobody can see while it runs is asked on the command line."""
    rollout = DeployBody.model_validate(read_push(Form(EVERYTHING | {"window_zone": [""]}), NOW).order).rollout
    told_by_api = rollout.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    office.deployment = a_deployment(state="scheduled", rollout=told_by_api)
    async with operator(language) as browser:
        page = (await browser.get("/deployments/dep_1")).text
        asked = (await browser.get("/deployments/dep_1/approve")).text
    assert [one for one in told if one not in page or one not in asked] == []
    assert 'datetime="2026-03-01T14:30:00.000+00:00" data-exact>2026-03-01 14:30:00 UTC' in page
