"""The names on the broker: exchanges, queues, routing keys, and how each queue is declared.

Pure data. `shared.messaging.topology` declares it and `definitions.json` is generated from it, so a name is
written here once. Names are stable: nothing about a process or a time is in them, except the event stream's
own queue of each registry replica, which is exclusive and goes away with its connection.
"""

from dataclasses import dataclass, field

EVENTS = "callboard.events"
COMMANDS = "callboard.commands"
DEAD = "callboard.dead"

HEARTBEATS_QUEUE = "registry.heartbeats"
REGISTRY_REPORTS_QUEUE = "registry.reports"
DEPLOYER_REPORTS_QUEUE = "deployer.reports"
DEPLOYER_SESSIONS_QUEUE = "deployer.sessions"
DEAD_LETTERS_QUEUE = "callboard.dead-letters"

# What nodes report, where every message counts.
REPORT_QUEUES = (REGISTRY_REPORTS_QUEUE, DEPLOYER_REPORTS_QUEUE, DEPLOYER_SESSIONS_QUEUE)
# So much waits in each of them while its reader is away: some hundred thousand reports. What finds no room is refused
# to its sender, who has it in a ledger or an outbox and sends it again.
MOST_REPORT_BYTES = 512 * 1024 * 1024
# More than anybody reads; the oldest go.
MOST_DEAD_LETTERS = 100_000

THREE_WEEKS_MS = 21 * 24 * 3600 * 1000
# A crash loop may redeliver a message this often before the broker dead-letters it. Handlers that fail on
# purpose never come back this way (they dead-letter with a reason themselves), so this only meets crashes.
DELIVERY_LIMIT = 20
# Reading a dead letter and giving it back counts as a delivery, and RabbitMQ 4 drops after 20 unless told otherwise.
READINGS_LIMIT = 2**31 - 1
# 10,000 nodes beating every 10 s for a lease of 30 s; beyond that the oldest beats are worthless anyway.
MOST_HEARTBEATS = 50_000
# A node that is away for long gets its orders again from PostgreSQL; its queue only has to bridge moments.
MOST_COMMANDS = 1_000

Arguments = dict[str, str | int | bool]


@dataclass(frozen=True)
class Exchange:
    """An exchange and its AMQP type."""

    name: str
    kind: str


@dataclass(frozen=True)
class Binding:
    """Messages of `exchange` whose routing key matches `key` go to the queue."""

    exchange: str
    key: str


@dataclass(frozen=True)
class Queue:
    """A queue as it is declared: always durable unless `exclusive`.

    `disposable`: what is in it is worthless in moments, so it may be deleted to be declared with other arguments.
    """

    name: str
    bindings: tuple[Binding, ...]
    arguments: Arguments = field(default_factory=dict)
    exclusive: bool = False
    disposable: bool = False


EXCHANGES = (
    Exchange(EVENTS, "topic"),
    Exchange(COMMANDS, "direct"),
    Exchange(DEAD, "fanout"),
)


# The last word of what a node may publish: its login at the broker allows `node.<node_id>.<word>` and nothing else.
REPORT_WORDS = ("heartbeat", "account", "delivery", "session", "login")


def heartbeat_key(node_id: str) -> str:
    """Where a node's heartbeats go."""
    return f"node.{node_id}.heartbeat"


def account_key(node_id: str) -> str:
    """Where a node's account changes go."""
    return f"node.{node_id}.account"


def delivery_key(node_id: str) -> str:
    """Where a node's delivery reports go."""
    return f"node.{node_id}.delivery"


def session_key(node_id: str) -> str:
    """Where a node hands back the states of its logins."""
    return f"node.{node_id}.session"


def login_key(node_id: str) -> str:
    """Where a node tells how far a sign-in is."""
    return f"node.{node_id}.login"


def command_key(node_id: str) -> str:
    """Where orders for a node go."""
    return f"node.{node_id}"


def _reports(name: str, *keys: str) -> Queue:
    return Queue(
        name,
        tuple(Binding(EVENTS, key) for key in keys),
        {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD,
        },
    )


def heartbeats_queue(lease_seconds: float) -> Queue:
    """The registry's intake. A heartbeat older than the lease is worthless, so it expires.

    `drop-head` makes room for the newest beat, the only one that counts.
    """
    return Queue(
        HEARTBEATS_QUEUE,
        (Binding(EVENTS, "node.*.heartbeat"),),
        {
            "x-queue-type": "quorum",
            "x-message-ttl": int(lease_seconds * 1000),
            "x-max-length": MOST_HEARTBEATS,
            "x-overflow": "drop-head",
            "x-delivery-limit": DELIVERY_LIMIT,
        },
        disposable=True,
    )


def registry_reports_queue() -> Queue:
    """Account changes, and the vault's logins and keys: each one counts, so a poisonous one is dead-lettered."""
    return _reports(REGISTRY_REPORTS_QUEUE, "node.*.account", "deploy.session.*", "deploy.keys.*")


def deployer_reports_queue() -> Queue:
    """Delivery reports, and the fleet's changes that the deployer reacts to."""
    return _reports(DEPLOYER_REPORTS_QUEUE, "node.*.delivery", "fleet.node.*")


def deployer_sessions_queue() -> Queue:
    """What comes to the vault: states of logins, sign-ins on nodes, who has which account, and who lacks a login."""
    return _reports(DEPLOYER_SESSIONS_QUEUE, "node.*.session", "node.*.login", "fleet.assignment.*")


def dead_letters_queue() -> Queue:
    """What could not be handled; kept three weeks for people to read, replay or drop."""
    return Queue(
        DEAD_LETTERS_QUEUE,
        (Binding(DEAD, ""),),
        {"x-queue-type": "quorum", "x-message-ttl": THREE_WEEKS_MS, "x-delivery-limit": READINGS_LIMIT},
    )


def node_commands_queue(node_id: str) -> Queue:
    """A node's orders. Classic: the truth is in PostgreSQL, and ten thousand Raft groups are not needed.

    The back office declares it; the node only reads it.
    """
    return Queue(
        f"node.{node_id}.commands",
        (Binding(COMMANDS, command_key(node_id)),),
        {
            "x-queue-type": "classic",
            "x-max-length": MOST_COMMANDS,
            "x-overflow": "drop-head",
        },
    )


def event_stream_queue(name: str) -> Queue:
    """The private queue of one event stream: gone with its connection, bounded, oldest dropped first."""
    return Queue(
        name,
        (Binding(EVENTS, "fleet.#"), Binding(EVENTS, "deploy.#")),
        {"x-max-length": 10_000, "x-overflow": "drop-head"},
        exclusive=True,
    )
