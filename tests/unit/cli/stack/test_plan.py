"""What the children of the stack are given."""

from pathlib import Path

import pytest

from services.cli.stack.layout import Home
from services.cli.stack.options import StackOptions
from services.cli.stack.parts import ChildPart
from services.cli.stack.plan import ChildPlan, StackFacts, StackPorts, plan_children
from services.cli.stack.supervisor import stop_waves

FACTS = StackFacts(
    home=Home(Path("/home-of-test")),
    ports=StackPorts(1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008),
    options=StackOptions(),
    amqp_url="amqp://broker",
    database_url="postgresql+asyncpg://database",
    token="the-token",
    download_secret="the-secret",
)


@pytest.fixture
def plans() -> dict[str, ChildPlan]:
    """The children by name."""
    return {plan.name: plan for plan in plan_children(FACTS)}


def test_agents_get_no_database_and_no_operator_token(plans: dict[str, ChildPlan]) -> None:
    """If this broke, whoever has an agent's machine would have the whole fleet."""
    for node_id in ("demo-a", "demo-b"):
        settings = plans[node_id].settings
        assert not {"CALLBOARD_DATABASE_URL", "CALLBOARD_TOKEN", "CALLBOARD_SECRET"} & settings.keys()
        assert settings["CALLBOARD_NODE_ID"] == node_id
    assert plans["demo-a"].settings["CALLBOARD_SOURCE"] == "local"
    assert plans["demo-b"].settings["CALLBOARD_SOURCE"] == "remote"


def test_only_the_deployer_signs_downloads(plans: dict[str, ChildPlan]) -> None:
    """If this broke, a secret would lie in processes that have no use for it."""
    assert [name for name, plan in plans.items() if "the-secret" in plan.settings.values()] == ["deployer"]


def test_agents_trust_the_sandbox_that_is_started(plans: dict[str, ChildPlan]) -> None:
    """If this broke, the demo's accounts would knock at another server, or at Telegram's own."""
    settings = plans["demo-a"].settings
    assert settings["CALLBOARD_TELEGRAM__SERVER_PORT"] == plans["telegram-sandbox"].settings["CALLBOARD_SANDBOX_PORT"]
    assert settings["CALLBOARD_TELEGRAM__SERVER_KEY_FILE"].startswith("/home-of-test/sandbox/")


def test_agents_share_no_directory(plans: dict[str, ChildPlan]) -> None:
    """If this broke, a session would be live on two nodes at once."""
    places = [
        plans[node].settings[f"CALLBOARD_{kind}_DIR"] for node in ("demo-a", "demo-b") for kind in ("STATE", "SESSIONS")
    ]
    assert len(set(places)) == len(places)


def test_the_stack_stops_from_the_agents_down_to_the_servers(plans: dict[str, ChildPlan], tmp_path: Path) -> None:
    """If this broke, services would lose their broker or database before they have finished their work."""
    parts = [ChildPart(plan, Home(tmp_path)) for plan in plans.values()]
    order = [sorted(part.name for part in wave) for wave in stop_waves(parts)]
    place = {name: number for number, wave in enumerate(order) for name in wave}
    assert place["demo-a"] < place["console"] < place["registry"] < place["registry-migrations"]
    assert place["console"] < place["deployer"]
