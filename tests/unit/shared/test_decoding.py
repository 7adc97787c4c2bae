"""From bytes to a contract: strict about meaning, tolerant about form, silent about nothing."""

import json

import pytest

from shared.contracts.deliveries import DeliverArtifact
from shared.contracts.leases import GrantLease, RefuseLease
from shared.messaging.decoding import Unreadable, decode

GRANT = {"node_id": "n1", "boot": 1, "seq": 2, "seconds": 30, "ledger_id": "0" * 32}
COMMANDS = (GrantLease, RefuseLease, DeliverArtifact)


def test_the_header_decides_the_type() -> None:
    """A body that fits several types must not be read as the wrong one."""
    message = decode(json.dumps(GRANT).encode(), type_name=GrantLease.TYPE, routing_key="node.n1", accepted=COMMANDS)
    assert isinstance(message, GrantLease)


def test_a_body_without_a_header_is_read_as_the_one_type_that_it_fits() -> None:
    """An operator who types a body into the management console gives no header."""
    message = decode(json.dumps(GRANT).encode(), type_name=None, routing_key="node.n1", accepted=COMMANDS)
    assert isinstance(message, GrantLease)


def test_unknown_fields_are_ignored() -> None:
    """A newer sender's optional field would stop every older reader."""
    body = json.dumps(GRANT | {"new_in_a_later_version": True}).encode()
    assert isinstance(decode(body, type_name=None, routing_key="", accepted=(GrantLease,)), GrantLease)


@pytest.mark.parametrize(
    ("body", "type_name", "said"),
    [
        (b"{", GrantLease.TYPE, "invalid JSON"),
        (b"\xff\xfe", None, "fits no type"),
        (json.dumps(GRANT | {"seq": "x"}).encode(), GrantLease.TYPE, "seq"),
        (json.dumps(GRANT).encode(), "node.unknown.v9", "send one of"),
        (json.dumps(GRANT | {"node_id": "A.B"}).encode(), GrantLease.TYPE, "node_id"),
    ],
)
def test_what_cannot_be_read_says_why(body: bytes, type_name: str | None, said: str) -> None:
    """A dead letter without its reason is a riddle for the operator."""
    outcome = decode(body, type_name=type_name, routing_key="node.n1", accepted=COMMANDS)
    assert isinstance(outcome, Unreadable)
    assert said in outcome.reason


def test_a_report_for_another_node_is_refused() -> None:
    """A node could otherwise speak for its neighbour: only the routing key is bound to its credentials."""
    outcome = decode(json.dumps(GRANT).encode(), type_name=GrantLease.TYPE, routing_key="node.n2", accepted=COMMANDS)
    assert isinstance(outcome, Unreadable)
    assert "'n1'" in outcome.reason
    assert "'n2'" in outcome.reason
