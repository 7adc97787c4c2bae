"""An order's signature covers what arrived, also fields that a newer deployer has added, and survives its carriers."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import DeliverArtifact
from shared.signing import BadSignature, Signer, check_signature, key_id_of, new_signing_key, verifying_key_of

PRIVATE = new_signing_key()
PUBLIC = verifying_key_of(PRIVATE)
TRUSTED = {key_id_of(PUBLIC): PUBLIC}
ORDER = DeliverArtifact(
    node_id="n",
    delivery_id="dlv_" + "1" * 32,
    attempt=1,
    artifact=Artifact(id="welcome", version=1, hash="sha256:" + "0" * 64),
    size=3,
    url="https://office/artifact",
    issued_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def received(body: dict[str, Any]) -> DeliverArtifact:
    """The order as a node reads it."""
    return DeliverArtifact.model_validate_json(json.dumps(body))


def sent() -> dict[str, Any]:
    """The order as it is written."""
    body: dict[str, Any] = Signer(PRIVATE).sign(ORDER).model_dump(mode="json")
    return body


def test_a_signed_order_is_good_as_it_arrives() -> None:
    """Otherwise no order would ever be taken."""
    check_signature(received(sent()), TRUSTED)


def test_a_carrier_may_put_the_content_in_place_of_its_url() -> None:
    """The signed hash vouches for it; otherwise servers reached by SSH would refuse every larger script."""
    check_signature(received(sent() | {"url": None, "content": "abc"}), TRUSTED)


def test_fields_of_a_newer_deployer_are_signed_too() -> None:
    """An older agent would refuse every order of a newer deployer, or take altered ones."""
    private = new_signing_key()
    newer = sent() | {"only_before": "noon"}
    newer["artifact"] = newer["artifact"] | {"colour": "red"}
    unsigned = received(newer)
    signed = newer | {"signature": Signer(private).sign(unsigned).model_dump(mode="json")["signature"]}
    trusted = {key_id_of(verifying_key_of(private)): verifying_key_of(private)}
    check_signature(received(signed), trusted)
    with pytest.raises(BadSignature, match="altered"):
        check_signature(received(signed | {"only_before": "midnight"}), trusted)


@pytest.mark.parametrize("altered", [{"node_id": "m"}, {"attempt": 2}, {"bind": "all"}, {"size": 4}])
def test_an_altered_order_is_refused(altered: dict[str, object]) -> None:
    """Whoever reaches the broker could send nodes what they like."""
    with pytest.raises(BadSignature, match="altered"):
        check_signature(received(sent() | altered), TRUSTED)


def test_an_order_without_a_trusted_signature_is_refused() -> None:
    """The same."""
    with pytest.raises(BadSignature, match="not signed"):
        check_signature(received(sent() | {"signature": None}), TRUSTED)
    with pytest.raises(BadSignature, match="does not trust"):
        check_signature(received(sent()), {})
