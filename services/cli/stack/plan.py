"""The children of the stack: what each runs, which settings it gets, what it waits for, when it is ready.

Pure: from facts to a list of plans, no file, port or process is touched. Every child gets the settings that it reads
and no more; in particular agents get no database, no operator token and no login at the broker but their own.

    postgres ─┬─ registry-migrations ── registry ─┐
              └─ deployer-migrations ── deployer ─┼─ console ─┬─ demo-nodes ─┬─ demo-a
    rabbitmq ────── (registry, deployer) ─────────┘           │              ├─ demo-b
    telegram-sandbox ── demo-world ───────────────────────────┼──────────────┘
                                                              └─ demo-logins
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from services.cli.embedded.ports import LOOPBACK
from services.cli.paths import LIVE, READY
from services.cli.stack.layout import Home
from services.cli.stack.options import StackOptions

POSTGRES, RABBITMQ, SANDBOX = "postgres", "rabbitmq", "telegram-sandbox"
DEMO_WORLD, DEMO_NODES, DEMO_LOGINS = "demo-world", "demo-nodes", "demo-logins"
REGISTRY, DEPLOYER, CONSOLE = "registry", "deployer", "console"
REGISTRY_MIGRATIONS, DEPLOYER_MIGRATIONS = "registry-migrations", "deployer-migrations"

DEMO_CHAT = "callboard_demo"
"""The sandbox chat of the demo; the first script names it."""

ACCOUNTS_PER_AGENT = 3
# The sandbox takes any; Telegram's own would be the operator's from my.telegram.org.
_API_ID, _API_HASH = "1", "sandbox"


@dataclass(frozen=True, slots=True)
class StackPorts:
    """Loopback ports that were found free."""

    postgres: int
    amqp: int
    management: int
    console: int
    registry: int
    deployer: int
    sandbox: int
    sandbox_admin: int


@dataclass(frozen=True, slots=True)
class StackFacts:
    """All that the plan depends on."""

    home: Home
    ports: StackPorts
    options: StackOptions
    amqp_url: str
    database_url: str
    token: str
    download_secret: str
    management_url: str | None = None


@dataclass(frozen=True, slots=True)
class AnswersHttp:
    """Ready when a GET of the first URL gives 200; alive when one of the second does."""

    ready: str
    live: str


@dataclass(frozen=True, slots=True)
class WritesFile:
    """Ready when the child has written this file since its start."""

    path: Path


@dataclass(frozen=True, slots=True)
class Completes:
    """Done, and not to be started again, when it has ended with status 0."""


Readiness = AnswersHttp | WritesFile | Completes


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """One `python -m <module> <arguments>`; `settings` are its environment besides PATH and the like."""

    name: str
    module: str
    settings: dict[str, str]
    readiness: Readiness
    after: frozenset[str] = frozenset()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoAgent:
    """A node of the demo."""

    node_id: str
    source: str
    labels: str


DEMO_AGENTS = (
    DemoAgent("demo-a", "local", "demo=yes,site=office"),
    DemoAgent("demo-b", "remote", "demo=yes,site=far-away"),
)


def plan_children(facts: StackFacts) -> tuple[ChildPlan, ...]:
    """Everything that is run as a Python child, in the order in which it is shown."""
    migrations = (_migration(facts, REGISTRY), _migration(facts, DEPLOYER))
    services = (_registry(facts), _deployer(facts), _console(facts))
    return (_sandbox(facts), *migrations, *services, *(_agent(facts, agent) for agent in DEMO_AGENTS))


def console_url(ports: StackPorts) -> str:
    """The HTTP origin that the operator and the agents use."""
    return _local(ports.console)


def sandbox_admin_url(ports: StackPorts) -> str:
    """The sandbox's admin API."""
    return _local(ports.sandbox_admin)


def _local(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def _ready(port: int) -> AnswersHttp:
    return AnswersHttp(f"{_local(port)}{READY}", f"{_local(port)}{LIVE}")


def _common(facts: StackFacts) -> dict[str, str]:
    return {"CALLBOARD_LOG_LEVEL": facts.options.log_level, "CALLBOARD_LOG_FORMAT": "json"}


def _door(facts: StackFacts, port: int) -> dict[str, str]:
    return _common(facts) | {
        "CALLBOARD_HTTP_HOST": LOOPBACK,
        "CALLBOARD_HTTP_PORT": str(port),
        "CALLBOARD_TOKEN": facts.token,
    }


def _backing(facts: StackFacts) -> dict[str, str]:
    return {
        "CALLBOARD_AMQP_URL": facts.amqp_url,
        "CALLBOARD_DATABASE_URL": facts.database_url,
        "CALLBOARD_LEASE_SECONDS": str(facts.options.lease_seconds),
    }


def _migration(facts: StackFacts, service: str) -> ChildPlan:
    return ChildPlan(
        name=f"{service}-migrations",
        module=f"services.{service}",
        arguments=("migrate",),
        settings=_common(facts) | {"CALLBOARD_DATABASE_URL": facts.database_url},
        readiness=Completes(),
        after=frozenset({POSTGRES}),
    )


def _registry(facts: StackFacts) -> ChildPlan:
    port = facts.ports.registry
    own = {"CALLBOARD_PUBLIC_URL": console_url(facts.ports)}
    if facts.management_url is not None:
        own["CALLBOARD_MANAGEMENT_URL"] = facts.management_url
    return ChildPlan(
        name=REGISTRY,
        module="services.registry",
        settings=_door(facts, port) | _backing(facts) | own,
        readiness=_ready(port),
        after=frozenset({RABBITMQ, REGISTRY_MIGRATIONS}),
    )


def _deployer(facts: StackFacts) -> ChildPlan:
    port = facts.ports.deployer
    own = {
        "CALLBOARD_PUBLIC_URL": console_url(facts.ports),
        "CALLBOARD_SECRET": facts.download_secret,
        # Logins of the demo's accounts name the sandbox's address, which the vault takes from nobody else.
        "CALLBOARD_TELEGRAM__SERVER_ADDRESS": LOOPBACK,
        "CALLBOARD_TELEGRAM__SERVER_PORT": str(facts.ports.sandbox),
    }
    return ChildPlan(
        name=DEPLOYER,
        module="services.deployer",
        settings=_door(facts, port) | _backing(facts) | own,
        readiness=_ready(port),
        after=frozenset({RABBITMQ, DEPLOYER_MIGRATIONS}),
    )


def _console(facts: StackFacts) -> ChildPlan:
    ports = facts.ports
    own = {"CALLBOARD_REGISTRY_URL": _local(ports.registry), "CALLBOARD_DEPLOYER_URL": _local(ports.deployer)}
    return ChildPlan(
        name=CONSOLE,
        module="services.console",
        settings=_door(facts, ports.console) | own,
        readiness=_ready(ports.console),
        after=frozenset({REGISTRY, DEPLOYER}),
    )


def _sandbox(facts: StackFacts) -> ChildPlan:
    ports = facts.ports
    own = {
        "CALLBOARD_TOKEN": facts.token,
        "CALLBOARD_SANDBOX_HOST": LOOPBACK,
        "CALLBOARD_SANDBOX_PORT": str(ports.sandbox),
        "CALLBOARD_SANDBOX_ADMIN_HOST": LOOPBACK,
        "CALLBOARD_SANDBOX_ADMIN_PORT": str(ports.sandbox_admin),
        "CALLBOARD_SANDBOX_STATE_DIR": str(facts.home.sandbox),
        "CALLBOARD_SANDBOX_AUDIENCE__CHAT": DEMO_CHAT,
    }
    return ChildPlan(
        name=SANDBOX,
        module="services.telegram_sandbox",
        settings=_common(facts) | own,
        readiness=_ready(ports.sandbox_admin),
    )


def _agent(facts: StackFacts, agent: DemoAgent) -> ChildPlan:
    state = facts.home.state(agent.node_id)
    own = {
        # Another start may have other ports than the one in which the node joined.
        "CALLBOARD_AMQP_URL": _without_a_login(facts.amqp_url),
        "CALLBOARD_URL": console_url(facts.ports),
        "CALLBOARD_NODE_ID": agent.node_id,
        "CALLBOARD_SOURCE": agent.source,
        "CALLBOARD_LABELS": agent.labels,
        "CALLBOARD_HEARTBEAT_SECONDS": str(facts.options.heartbeat_seconds),
        "CALLBOARD_STATE_DIR": str(state),
        "CALLBOARD_SESSIONS_DIR": str(facts.home.sessions(agent.node_id)),
    }
    return ChildPlan(
        name=agent.node_id,
        module="services.node_agent",
        settings=_common(facts) | own | _telegram(facts),
        readiness=WritesFile(state / "status.json"),
        after=frozenset({CONSOLE, DEMO_NODES, DEMO_WORLD}),
    )


def _without_a_login(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _telegram(facts: StackFacts) -> dict[str, str]:
    prefix = "CALLBOARD_TELEGRAM__"
    return {
        f"{prefix}API_ID": _API_ID,
        f"{prefix}API_HASH": _API_HASH,
        f"{prefix}SERVER_ADDRESS": LOOPBACK,
        f"{prefix}SERVER_PORT": str(facts.ports.sandbox),
        f"{prefix}SERVER_KEY_FILE": str(facts.home.sandbox_key),
        f"{prefix}DC_ID": "2",
    }
