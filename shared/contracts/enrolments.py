"""How a machine becomes a node: what it is given when it joins with a one-time token, over HTTP.

The machine makes its keys and keeps their private halves; `proof_of` is what it signs to show that it has them, so that
a token's answer can be asked for again by the one that used it and by nobody else.
"""

from pydantic import Field

from shared.contracts.contract import Part
from shared.contracts.identifiers import Label, NodeId
from shared.contracts.keys import TrustedKeys

ENROL_PATH = "/api/v1/enrol"
ENROLMENT_TOKEN_PREFIX = "cb-join-"  # noqa: S105 - how such a token begins
NODE_TOKEN_PREFIX = "cb-node-"  # noqa: S105
# In characters: a chain of a few certificates.
LARGEST_CA = 64 * 1024


class BrokerLogin(Part):
    """A node's own login at the broker. `url` says where, and has no login in it."""

    url: str = Field(pattern=r"^amqps?://", max_length=2048)
    username: str = Field(min_length=1, max_length=255)
    password: str = Field(min_length=1, max_length=255, repr=False)


class Enrolled(Part):
    """Everything that a node needs to know of its back office, and the two secrets that are its own.

    `broker` is null where nodes do not reach the broker. `url` is the HTTP origin for nodes; null: the one that was
    asked. `token` opens the node's own doors there. `ca` are certificates in PEM that the node trusts, for the broker
    and for HTTP. `labels` are what the operator said of the node.
    """

    node_id: NodeId
    broker: BrokerLogin | None = None
    url: str | None = Field(default=None, pattern=r"^https?://", max_length=2048)
    token: str = Field(min_length=16, max_length=255, repr=False)
    keys: TrustedKeys
    ca: str | None = Field(default=None, max_length=LARGEST_CA)
    labels: dict[Label, Label] = Field(default_factory=dict)
    heartbeat_seconds: float = Field(default=10.0, ge=0.2, le=300)


def proof_of(token: str, sealing_key: str, signing_key: str) -> bytes:
    """What a machine signs with its Ed25519 key when it joins. The keys are the public ones, in base64."""
    return "\n".join(("callboard enrolment", token, sealing_key, signing_key)).encode()
