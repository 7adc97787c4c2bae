"""What is delivered to an agent in a test: scripts, and the orders that bring them."""

from datetime import datetime
from typing import Any

from shared.contracts.artifacts import Artifact
from shared.contracts.deliveries import DeliverArtifact, RemoveArtifact
from shared.contracts.identifiers import content_hash
from tests.support.agent.trusting import SIGNER

NODE = "node-a"


def script(reply: str, *, script_id: str = "greeter", limits: str = "", test: str = "") -> str:
    """A script that answers /hello in the demo chat with `reply`."""
    return (
        f'id: {script_id}\nchats: ["@demo_chat"]\n{limits}'
        "scenes:\n  hello:\n    triggers:\n      - command: /hello\n"
        f"    steps:\n      - reply: {reply}\n{test}"
    )


def order(text: str, number: int = 1, /, **changes: Any) -> DeliverArtifact:
    """An inline order of `text` as version `number`, bound to all accounts, signed."""
    data = text.encode()
    fields: dict[str, Any] = {
        "node_id": NODE,
        "delivery_id": f"dlv_{number:032x}",
        "attempt": 1,
        "artifact": Artifact(id="greeter", version=number, hash=content_hash(data)),
        "size": len(data),
        "content": text,
        "bind": "all",
        "issued_at": datetime.fromisoformat(f"2026-01-01T00:00:{number:02d}+00:00"),
    }
    return SIGNER.sign(DeliverArtifact(**(fields | changes)))


def again(of: DeliverArtifact, /, **changes: Any) -> DeliverArtifact:
    """Another attempt of an order, signed anew."""
    return SIGNER.sign(of.model_copy(update={"attempt": of.attempt + 1, "signature": None, **changes}))


def removal(number: int = 1, /, **changes: Any) -> RemoveArtifact:
    """An order to remove `greeter`, as the order with this number, signed."""
    fields: dict[str, Any] = {
        "node_id": NODE,
        "delivery_id": f"dlv_{number:032x}",
        "attempt": 1,
        "removes": Artifact(id="greeter", version=1, hash=content_hash(b"")),
        "issued_at": datetime.fromisoformat(f"2026-01-01T00:00:{number:02d}+00:00"),
    }
    return SIGNER.sign(RemoveArtifact(**(fields | changes)))
