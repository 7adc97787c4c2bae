"""docs/how-to/event-api.md tells what the code takes; that its order is carried out is a system test."""

import json
import re

from services.deployer.api.keys import BY_HAND
from services.node_agent.domain.lease import MOST_BEATS
from shared.contracts.deliveries import DeliverArtifact
from shared.contracts.identifiers import content_hash
from shared.contracts.parcels import ORDERS
from shared.messaging.decoding import decode
from shared.scripts.model import Script
from shared.scripts.parse import parse_script
from tests.support.by_hand import PAGE, order_of_the_page


def test_the_pages_order_can_be_typed() -> None:
    """A reader whose first order is refused does not type a second one."""
    body = json.dumps(order_of_the_page()).encode()
    order = decode(body, type_name=None, routing_key="node.demo-a", accepted=ORDERS)
    assert isinstance(order, DeliverArtifact) and order.content is not None
    content = order.content.encode()
    assert (order.artifact.hash, order.size) == (content_hash(content), len(content))
    script = parse_script(order.content)
    assert isinstance(script, Script) and script.id == order.artifact.id


def test_the_page_names_what_can_be_signed() -> None:
    """Another order would be written in vain."""
    [sentence] = re.findall(r"`callboard sign` signs (.*?)\. ", PAGE)
    assert re.findall(r"`(\w+)`", sentence) == [contract.__name__ for contract in BY_HAND]


def test_the_page_says_how_many_beats_are_remembered() -> None:
    """Who counts back further is ignored."""
    assert f"one of the {MOST_BEATS} newest beats" in PAGE
