"""Every message of the project: who sends it, who reads it, by which address.

The documents (`docs/event-api.md`, `docs/asyncapi.yaml`), the golden messages and the decoder are built from
this table, so a message that is not in it does not exist.
"""

from dataclasses import dataclass

from shared.contracts import names
from shared.contracts.accounts import AccountChanged
from shared.contracts.assignments import AssignAccounts, AssignmentChanged, SessionWanted
from shared.contracts.contract import Contract
from shared.contracts.deliveries import DeliverArtifact, DeliveryReported, ForgetDelivery, RemoveArtifact
from shared.contracts.deployments import DeliveryChanged, DeploymentChanged
from shared.contracts.drift import DriftChanged
from shared.contracts.fleet import AccountsChanged, AccountsCounted, NodeObserved
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.keys import KeysAnnounced
from shared.contracts.leases import GrantLease, RefuseLease
from shared.contracts.logins import AnswerLogin, BeginLogin, LoginReported
from shared.contracts.own_accounts import NameOwnAccounts
from shared.contracts.sessions import (
    DeliverSession,
    SessionChanged,
    SessionRefused,
    SessionStored,
    SessionSynced,
    SyncSession,
)
from shared.contracts.trust import TrustKeys


@dataclass(frozen=True)
class Entry:
    """One message with its exchange, its routing key (with placeholders), its sender and its readers."""

    contract: type[Contract]
    exchange: str
    routing_key: str
    producer: str
    consumers: tuple[str, ...]


CATALOGUE: tuple[Entry, ...] = (
    Entry(HeartbeatReported, names.EVENTS, "node.{node_id}.heartbeat", "node_agent", ("registry",)),
    Entry(AccountChanged, names.EVENTS, "node.{node_id}.account", "node_agent", ("registry",)),
    Entry(DeliveryReported, names.EVENTS, "node.{node_id}.delivery", "node_agent", ("deployer",)),
    Entry(SessionSynced, names.EVENTS, "node.{node_id}.session", "node_agent", ("deployer",)),
    Entry(LoginReported, names.EVENTS, "node.{node_id}.login", "node_agent", ("deployer",)),
    Entry(NodeObserved, names.EVENTS, "fleet.node.{change}", "registry", ("deployer", "event stream")),
    Entry(AccountsChanged, names.EVENTS, "fleet.account.changed", "registry", ("event stream",)),
    Entry(AccountsCounted, names.EVENTS, "fleet.account.counted", "registry", ("event stream",)),
    Entry(AssignmentChanged, names.EVENTS, "fleet.assignment.{change}", "registry", ("deployer", "event stream")),
    Entry(SessionWanted, names.EVENTS, "fleet.assignment.wanted", "registry", ("deployer",)),
    Entry(DeploymentChanged, names.EVENTS, "deploy.deployment.{state}", "deployer", ("event stream",)),
    Entry(DeliveryChanged, names.EVENTS, "deploy.delivery.{state}", "deployer", ("event stream",)),
    Entry(DriftChanged, names.EVENTS, "deploy.drift.{change}", "deployer", ("event stream",)),
    Entry(SessionChanged, names.EVENTS, "deploy.session.{change}", "deployer", ("registry", "event stream")),
    Entry(KeysAnnounced, names.EVENTS, "deploy.keys.announced", "deployer", ("registry",)),
    Entry(GrantLease, names.COMMANDS, "node.{node_id}", "registry", ("node_agent",)),
    Entry(RefuseLease, names.COMMANDS, "node.{node_id}", "registry", ("node_agent",)),
    Entry(NameOwnAccounts, names.COMMANDS, "node.{node_id}", "registry", ("node_agent",)),
    Entry(AssignAccounts, names.COMMANDS, "node.{node_id}", "registry", ("node_agent",)),
    Entry(DeliverArtifact, names.COMMANDS, "node.{node_id}", "deployer", ("node_agent",)),
    Entry(RemoveArtifact, names.COMMANDS, "node.{node_id}", "deployer", ("node_agent",)),
    Entry(ForgetDelivery, names.COMMANDS, "node.{node_id}", "deployer", ("node_agent",)),
    Entry(DeliverSession, names.COMMANDS, "node.{node_id}", "deployer", ("node_agent",)),
    Entry(SessionStored, names.COMMANDS, "node.{node_id}", "deployer", ("node_agent",)),
    Entry(SessionRefused, names.COMMANDS, "node.{node_id}", "deployer", ("node_agent",)),
    Entry(SyncSession, names.COMMANDS, "node.{node_id}", "deployer", ("node_agent",)),
    Entry(BeginLogin, names.COMMANDS, "node.{node_id}", "deployer", ("node_agent",)),
    Entry(AnswerLogin, names.COMMANDS, "node.{node_id}", "deployer", ("node_agent",)),
    Entry(TrustKeys, names.COMMANDS, "node.{node_id}", "deployer", ("node_agent",)),
)


def routing_key(message: Contract) -> str:
    """The routing key of a message, its placeholders filled from its own fields.

    Raises KeyError for a class that is not in the catalogue.
    """
    entry = ENTRY_BY_CONTRACT[type(message)]
    return entry.routing_key.format_map(message.__dict__)


def must_be_taken(entry: Entry) -> bool:
    """Whether a message that no queue takes is an error: orders and nodes' reports are, announcements are not."""
    return entry.routing_key.startswith("node.")


ENTRY_BY_CONTRACT = {entry.contract: entry for entry in CATALOGUE}
CONTRACT_BY_TYPE = {entry.contract.TYPE: entry.contract for entry in CATALOGUE}
