"""Keys on the page: how far a change is, what an act does before it is done, and a long one step by step."""

from typing import Any

from services.console.clients.keys import Key
from services.console.pages.keys import step_of
from shared.contracts.roles import Role
from tests.unit.console.office import Services, signed_in

KEYS, VAULT = "/api/v1/group-ai/keys", "/api/v1/group-ai/sessions/rotate-key"
DIALOG = {"x-dialog": "1"}
NOW = "2026-03-01T12:00:00Z"


def key(state: str, purpose: str = "signing") -> dict[str, Any]:
    """A key as the deployer lists it."""
    return {"key_id": f"k-{state}", "purpose": purpose, "state": state, "created_at": NOW, "changed_at": NOW}


def listed(*states: str) -> dict[str, Any]:
    """The deployer's keys."""
    return {"serial": 7, "keys": [key(state) for state in states] + [key("current", "vault")]}


def resealing(resealed: int, left: int) -> dict[str, Any]:
    """What came of one step."""
    under = {"new": 90 + resealed, "old": left, "older": 0}
    return {"active": "new", "resealed": resealed, "unreadable": 0, "left": left, "under": under}


def test_how_far_a_change_is() -> None:
    """The vault's own key is no part of it."""

    def step(*given: dict[str, Any]) -> str | None:
        return step_of([Key.model_validate(one) for one in given])

    assert step(key("next"), key("current"), key("former", "vault")) == "next"
    assert step(key("current"), key("former"), key("retired")) == "former"
    assert step(key("current"), key("retired"), key("next", "vault")) is None


async def test_a_change_is_watched_until_it_has_ended() -> None:
    """It takes from seconds to an hour, and nobody reads the list again by hand."""
    for states, said in ((("next", "current"), "told to trust the next"), (("current", "former"), "Ten minutes after")):
        async with signed_in(Services({f"GET {KEYS}": listed(*states)})) as browser:
            shown = (await browser.get("/keys")).text
            assert said in shown and "data-again" in shown and "serial 7" in shown
    async with signed_in(Services({f"GET {KEYS}": listed("current", "retired")})) as browser:
        assert "data-again" not in (await browser.get("/keys")).text


async def test_a_key_is_changed_after_it_was_said_what_that_does() -> None:
    """It cannot be taken back; a second one before the end is refused where it was asked for."""
    services = Services({f"POST {KEYS}/rotate": listed("next", "current")})
    async with signed_in(services, DIALOG) as browser:
        assert "cannot be taken back" in (await browser.get("/keys/rotate")).text
        assert services.asked == []
        assert (await browser.post("/keys/rotate")).headers["x-location"] == "/keys"
        runs = "a rotation is on its way: it waits until every online node trusts the next key"
        services.answers[f"POST {KEYS}/rotate"] = (409, "rotation-runs", runs)
        refused = await browser.post("/keys/rotate", headers={"accept-language": "zh-TW"})
        assert "已有一次更換正在進行：它在等待每個在線節點都信任下一把金鑰" in refused.text


async def test_the_vault_is_sealed_anew_step_by_step() -> None:
    """A hundred thousand secrets take minutes: each step is shown, and begins the next one by itself."""
    services = Services({f"POST {VAULT}": resealing(10_000, 5_000)})
    async with signed_in(services, DIALOG) as browser:
        assert "data-go" not in (await browser.get("/keys/reseal")).text
        shown = (await browser.post("/keys/reseal")).text
        assert "data-go" in shown and 'value="10000"' in shown and 'max="15000"' in shown
        services.answers[f"POST {VAULT}"] = resealing(5_000, 0)
        shown = (await browser.post("/keys/reseal", data={"resealed": "10000"})).text
        assert "15000 secrets were sealed anew under key new" in shown
        assert "data-go" not in shown and "may be taken away" in shown


async def test_a_key_that_is_missing_ends_it_and_is_named() -> None:
    """It would go round for ever, or tell that the old keys may go."""
    async with signed_in(Services({f"POST {VAULT}": resealing(0, 1)}), DIALOG) as browser:
        shown = (await browser.post("/keys/reseal", data={"resealed": "no number"})).text
    assert "1 secret is under another key still (old)" in shown
    assert "data-go" not in shown and "may be taken away" not in shown


async def test_only_an_admin_is_offered_them() -> None:
    """What one may not do is not offered; from another site nothing is done."""
    services = Services({f"GET {KEYS}": listed("current")}, role=Role.OPERATOR)
    async with signed_in(services) as browser:
        shown = (await browser.get("/keys")).text
        assert "/keys/rotate" not in shown and "/keys/reseal" not in shown and 'href="/keys"' not in shown
        for path in ("/keys/rotate", "/keys/reseal"):
            assert (await browser.post(path, headers={"origin": "https://evil.example"})).status_code == 403
    assert services.asked == []
