"""A delivery's way: the order that the deployer sends to one node, and what the node reports of it.

The order is idempotent by `delivery_id` and hash: sent twice it is applied once and answered twice.
Content of at most `INLINE_LIMIT` bytes travels in the order, larger content by an authorised URL.
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from shared.contracts.accounts import Reason
from shared.contracts.artifacts import Artifact, TestTally
from shared.contracts.contract import Contract, Instant
from shared.contracts.identifiers import AccountId, ContentHash, DeliveryId, NodeId, ScriptId
from shared.contracts.signed import SignedContract

INLINE_LIMIT = 64 * 1024
LARGEST_ARTIFACT = 256 * 1024


class DeliverArtifact(SignedContract):
    """Put this artifact in place of the one before it, load it, and report.

    Exactly one of `content` (UTF-8 text) and `url` is given; `size` is in bytes and, like the artifact's
    hash, of the exact bytes. `bind` says which accounts shall play the script from now on: null changes
    nothing, `"all"` is every account of the node, a list names them. An order that repairs has `bindings`
    instead, the whole of them: which script each account (`*`: every other one) plays; who is not named plays
    nothing. An agent older than this field leaves its bindings as they are. `apply_before` is the end of the time for
    which the order was sent, by the node's own clock: an agent that gets to it later leaves everything as it is and
    reports `too_late`. Null, or an older agent: whenever.
    """

    TYPE: ClassVar[str] = "node.deliver-artifact.v1"

    node_id: NodeId
    delivery_id: DeliveryId
    attempt: int = Field(ge=1)
    artifact: Artifact
    size: int = Field(ge=1, le=LARGEST_ARTIFACT)
    content: str | None = None
    url: Annotated[str, StringConstraints(max_length=2048)] | None = None
    bind: Annotated[str, StringConstraints(pattern="^all$")] | list[AccountId] | None = None
    bindings: dict[str, ScriptId] | None = None
    issued_at: Instant
    apply_before: Instant | None = None


class RemoveArtifact(SignedContract):
    """Unload this script, delete its file, and report `applied` with no hash loaded.

    `removes` names the version that is known to be there; whichever is there goes. Accounts that played it play
    nothing, unless `bindings` says what each account plays from then on. An agent that is older than this order does
    not do it, and the delivery waits for a newer one until its deadline.
    """

    TYPE: ClassVar[str] = "node.remove-artifact.v1"

    node_id: NodeId
    delivery_id: DeliveryId
    attempt: int = Field(ge=1)
    removes: Artifact
    bindings: dict[str, ScriptId] | None = None
    issued_at: Instant
    apply_before: Instant | None = None

    @property
    def artifact(self) -> Artifact:
        """What it is about, as with the opposite order."""
        return self.removes


class ForgetDelivery(SignedContract):
    """An order that was called off: drop it if it is not applied yet, and do not apply a copy of it that comes late.

    What is applied already stays. There is no answer to it. `called_off_at` is no order's field, so that an order that
    is typed by hand, without a header, is not taken for this.
    """

    TYPE: ClassVar[str] = "node.forget-delivery.v1"

    node_id: NodeId
    delivery_id: DeliveryId
    reason: Reason | None = None
    called_off_at: Instant


class DeliveryOutcome(StrEnum):
    """How far a node has come with a delivery. `received` is in its ledger, `applied` is loaded."""

    RECEIVED = "received"
    APPLIED = "applied"
    FAILED = "failed"


class FailureCause(StrEnum):
    """Why a node could not apply a delivery; `retryable` ones are tried again by the deployer."""

    HASH_MISMATCH = "hash_mismatch"
    DOWNLOAD_FAILED = "download_failed"
    INVALID_SCRIPT = "invalid_script"
    TESTS_FAILED = "tests_failed"
    STORAGE_FAILED = "storage_failed"
    UNKNOWN_ACCOUNT = "unknown_account"
    OUT_OF_DATE = "out_of_date"
    TOO_LATE = "too_late"

    @property
    def retryable(self) -> bool:
        """Whether another attempt with the same bytes may end differently."""
        return self in (
            FailureCause.HASH_MISMATCH,
            FailureCause.DOWNLOAD_FAILED,
            FailureCause.STORAGE_FAILED,
        )


class DeliveryReported(Contract):
    """A node's acknowledgement of a delivery. `loaded_hash` is what its engine runs when it reports.

    `tests_passed` says that none of that version's own tests failed there; `tests` how many there were.
    """

    TYPE: ClassVar[str] = "node.delivery.v1"

    node_id: NodeId
    delivery_id: DeliveryId
    attempt: int = Field(ge=1)
    outcome: DeliveryOutcome
    loaded_hash: ContentHash | None = None
    tests_passed: bool = False
    tests: TestTally | None = None
    cause: FailureCause | None = None
    reason: Reason | None = None
    at: Instant
