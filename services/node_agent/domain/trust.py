"""Whose orders this node takes: those that the deployer has signed, for this node.

| an order                                              | is                                                     |
| ----------------------------------------------------- | ------------------------------------------------------ |
| without a signature, or altered since it was signed   | refused                                                |
| signed with a key that this node does not trust       | refused                                                |
| for another node                                      | refused                                                |
| good, of an artifact of which a later one has come    | answered: failed, out of date (`domain/deliveries.py`) |
| good, and known from the ledger                       | answered again from there, never applied twice         |

Nothing is reported to the deployer of what is refused: who cannot sign an order must not be able to fail one by using
its id. It is counted, and the node's beats tell how many there were and why the last one was refused.
"""

import base64
from collections.abc import Callable

from services.node_agent.domain.keys import NodeKeys
from shared.clock import Clock
from shared.contracts.heartbeats import NodeFacts, RefusedOrders
from shared.contracts.keys import TrustedKeys
from shared.contracts.signed import SignedContract
from shared.signing import BadSignature, UnknownKey, check_signature

LONGEST_REASON = 500


class Trust:
    """What the node goes by at this moment, and what it has refused since its agent's start.

    `adopted` is called when it goes by other keys, which the back office waits to hear.
    """

    def __init__(self, keys: NodeKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._refused: RefusedOrders | None = None
        self.adopted: Callable[[], None] = lambda: None

    @property
    def keys(self) -> NodeKeys:
        """The node's keys."""
        return self._keys

    def adopt(self, trusted: TrustedKeys) -> None:
        """Go by other keys of the deployer's."""
        self._keys = NodeKeys(self._keys.node_id, self._keys.sealing, trusted)
        self.adopted()

    def objection(self, order: SignedContract) -> str | None:
        """Why an order is not taken; None for a good one."""
        known = {key.key_id: base64.b64decode(key.key) for key in self._keys.trusted.signing}
        try:
            check_signature(order, known)
        except UnknownKey as error:
            own = self._keys.node_id
            helps = f"let this node join again, with a token of `callboard nodes enroll --node-id {own}`"
            return f"{error}. If the deployer was restored from an older copy, {helps}"
        except BadSignature as error:
            return str(error)
        node_id = getattr(order, "node_id", None)
        if node_id != self._keys.node_id:
            return f"this is node {self._keys.node_id!r}, the order is for {node_id!r}"
        return None

    def refuse(self, reason: str) -> None:
        """Count an order that was not taken."""
        count = 1 if self._refused is None else self._refused.count + 1
        self._refused = RefusedOrders(count=count, reason=reason[:LONGEST_REASON], at=self._clock.now())

    def told_in(self, facts: NodeFacts) -> NodeFacts:
        """What the node says of itself, with whom it trusts and what it has refused."""
        told = {"keys_serial": self._keys.trusted.serial, "refused": self._refused}
        return facts.model_copy(update=told)
