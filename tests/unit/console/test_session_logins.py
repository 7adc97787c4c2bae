"""Signing in to Telegram on the page: asked step by step, told at its field, and nothing secret left behind."""

from typing import Any

import pytest

from shared.contracts.roles import Role
from tests.unit.console.office import Services, signed_in

LOGIN = "/api/v1/group-ai/sessions/login"
ONE, PAGE = f"{LOGIN}/lgn_1", "/sessions/login/lgn_1"
ASSIGNMENT = "/api/v1/group-ai/accounts/ana/assignment"
DIALOG = {"x-dialog": "1"}
NOW = "2026-03-01T12:00:00Z"


def login(state: str, **fields: Any) -> dict[str, Any]:
    """A sign-in as the deployer tells it."""
    told = {"login_id": "lgn_1", "account_id": "ana", "node_id": "tokyo-1", "kind": "phone", "state": state}
    empty = {"reason": None, "hint": None, "user_id": None, "version": None}
    return {**told, **empty, "created_at": NOW, "expires_at": NOW, **fields}


def assignment(**fields: Any) -> dict[str, Any]:
    """Who has the account, as the registry tells it."""
    told = {"account_id": "ana", "state": "unassigned", "epoch": 0, "node_id": None, "target": None, "reason": None}
    return {**told, "origin": "vault", "in_vault": "sha256:00", "takeover": None, "since": None, **fields}


async def step(services: Services, query: str = "", language: str = "en") -> str:
    """What the page of the sign-in says now."""
    async with signed_in(services, {"accept-language": language}) as browser:
        return (await browser.get(PAGE + query, headers={"x-regions": "step"})).text


async def test_it_begins_with_what_was_chosen() -> None:
    """A number that was typed before the bot was chosen is nobody's business."""
    services = Services({f"POST {LOGIN}": login("connecting")})
    form = {"account_id": "ana", "node_id": "tokyo-1", "phone": "+81 3", "bot_token": "1:secret", "assign": "yes"}
    async with signed_in(services, DIALOG) as browser:
        for kind, secret in (("phone", {"phone": "+81 3"}), ("bot", {"bot_token": "1:secret"})):
            answer = await browser.post("/sessions/login", data=form | {"kind": kind})
            assert answer.headers["x-location"] == f"{PAGE}?assign=yes"
            assert services.asked[-1] == (f"POST {LOGIN}", {"account_id": "ana", "node_id": "tokyo-1"} | secret)
            assert "secret" not in answer.text + str(answer.headers)


async def test_a_mistake_is_told_at_its_field() -> None:
    """'Refused' above seven fields is a riddle."""
    mistake = {"field": "body.phone", "message": "is too short"}
    services = Services({f"POST {LOGIN}": (422, "invalid-request", "body.phone: is too short", mistake)})
    async with signed_in(services, DIALOG) as browser:
        answer = await browser.post("/sessions/login", data={"kind": "phone", "phone": "1"})
        assert answer.status_code == 422
        assert 'data-field="phone"' in answer.text
        services.answers[f"POST {LOGIN}"] = (409, "node-away", "node 'tokyo-1' is offline: start its agent")
        answer = await browser.post("/sessions/login", data={"kind": "phone", "phone": "1"})
        assert 'data-field="node_id">node &#39;tokyo-1&#39; is offline' in answer.text


async def test_every_wait_is_shown_and_looked_at_again() -> None:
    """A page that stands still looks like one that has forgotten."""
    waits = {"connecting": "tokyo-1 is speaking with Telegram", "signed_in": "on its way to the vault"}
    for state, said in waits.items():
        shown = await step(Services({f"GET {ONE}": login(state)}))
        assert said in shown
        assert "data-again" in shown


async def test_what_is_asked_for_is_not_kept_by_the_browser() -> None:
    """A code or a password that the browser offers to the next one at the desk was given away."""
    asked = await step(Services({f"GET {ONE}": login("code_wanted", hint="sms")}))
    assert 'name="code" required maxlength="40" autocomplete="off"' in asked
    assert "by SMS" in asked
    asked = await step(Services({f"GET {ONE}": login("password_wanted", hint="<b>the cat</b>")}), "?assign=yes")
    assert 'type="password" name="password" required maxlength="500" autocomplete="off"' in asked
    assert "&lt;b&gt;the cat" in asked
    assert 'name="assign" value="yes"' in asked


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "this is not the code that Telegram sent"), ("zh-TW", "這不是 Telegram 傳送的驗證碼")],
)
async def test_a_wrong_code_is_told_at_its_field(language: str, told: str) -> None:
    """Whoever mistyped must see what to type anew, and a screen reader must hear it there."""
    wrong = login("code_wanted", reason="this is not the code that Telegram sent")
    shown = await step(Services({f"GET {ONE}": wrong}), language=language)
    assert 'aria-invalid="true" aria-describedby="wrong"' in shown
    assert f'id="wrong" role="alert">{told}' in shown


async def test_an_answer_goes_on_and_is_not_said_again() -> None:
    """A password keeps its spaces, a code loses them; neither is in an address or an answer."""
    services = Services({f"POST {ONE}": login("connecting")})
    async with signed_in(services) as browser:
        for form, answer in (({"code": " 12345 "}, "12345"), ({"password": " two words "}, " two words ")):
            said = await browser.post(PAGE, data=form | {"assign": "yes"})
            assert (said.status_code, said.headers["location"]) == (303, f"{PAGE}?assign=yes")
            assert services.asked[-1] == (f"POST {ONE}", {"answer": answer})
        services.answers[f"POST {ONE}"] = (409, "nothing-asked", "the sign-in is connecting: read it")
        assert (await browser.post(PAGE, data={"code": "1"})).headers["location"] == PAGE


async def test_at_the_end_the_node_runs_it() -> None:
    """Only what was chosen is done, only by a form, and only when the registry knows of the login."""
    signed = login("signed_in", version=3)
    assert "is hearing of it" in await step(Services({f"GET {ONE}": signed}), "?assign=yes")
    services = Services({f"GET {ONE}": signed, f"GET {ASSIGNMENT}": assignment()})
    assert "data-go" in await step(services, "?assign=yes")
    shown = await step(services)
    assert "version 3" in shown
    assert "data-go" not in shown and "data-again" not in shown
    assert services.asked == []
    services.answers[f"POST {ASSIGNMENT}"] = assignment(state="assigned", node_id="tokyo-1")
    async with signed_in(services) as browser:
        done = await browser.post(f"{PAGE}/assign")
        assert (done.status_code, done.headers["location"]) == (303, "/sessions/ana")
        assert services.asked == [(f"POST {ASSIGNMENT}", {"node_id": "tokyo-1"})]
        services.answers[f"POST {ASSIGNMENT}"] = (409, "node-is-full", "the node is full")
        assert (await browser.post(f"{PAGE}/assign")).headers["location"] == "/sessions/ana"
        services.answers[f"POST {ASSIGNMENT}"] = (403, "forbidden", "operators only")
        assert (await browser.post(f"{PAGE}/assign")).status_code == 403
    services.answers[f"GET {ASSIGNMENT}"] = assignment(state="assigned", node_id="tokyo-1")
    assert "data-go" not in await step(services, "?assign=yes")


async def test_a_failure_says_why_and_how_to_go_on() -> None:
    """Most sign-ins that fail are begun again at once."""
    shown = await step(Services({f"GET {ONE}": login("failed", reason="it took too long: begin again")}))
    assert "it took too long" in shown
    assert "/sessions/login?account=ana&node=tokyo-1" in shown.replace("&amp;", "&")


async def test_a_viewer_only_watches() -> None:
    """What one may not do is not offered."""
    services = Services({f"GET {ONE}": login("code_wanted")}, role=Role.VIEWER)
    shown = await step(services)
    assert "<form" not in shown
    assert "waits for an operator" in shown
    assert "Begin again" not in await step(Services({f"GET {ONE}": login("failed", reason="no")}, role=Role.VIEWER))


async def test_another_site_signs_nobody_in() -> None:
    """The cookie alone must not be enough."""
    services = Services()
    async with signed_in(services, {"origin": "https://evil.example"}) as browser:
        for path in ("/sessions/login", PAGE, f"{PAGE}/assign"):
            assert (await browser.post(path, data={"code": "1"})).status_code == 403
    assert services.asked == []
