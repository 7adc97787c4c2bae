"""What the registry needs of a store for enrolment: one-time tokens, the nodes that joined, and the deployer's keys.

`store.access` and `store.in_memory_access` implement it under one contract suite. A transaction that ends by an
exception has written nothing; everything raises `shared.messaging.Unavailable` when the store is away.
"""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from services.registry.domain.broker_access import NodeLogin
from services.registry.domain.enrolments import Enrolment, NodeKeys
from shared.contracts.keys import TrustedKeys


class AccessTransaction(Protocol):
    """One transaction. Locks are taken in this order: the enrolment, then the node."""

    async def add_enrolment(self, enrolment: Enrolment) -> None:
        """Keep a new token."""
        ...

    async def lock_enrolment(self, token_hash: str) -> Enrolment | None:
        """The token of this hash, locked until the end."""
        ...

    async def save_enrolment(self, enrolment: Enrolment) -> None:
        """Write a locked token."""
        ...

    async def forget_enrolments(self, ended_before: datetime) -> int:
        """Delete tokens that ended before; how many there were."""
        ...

    async def lock_node(self, node_id: str) -> NodeKeys | None:
        """The keys of a node, locked until the end; nobody else can add that node meanwhile either."""
        ...

    async def save_node(self, node: NodeKeys) -> None:
        """Write a locked node, or the first one of that id."""
        ...

    async def keep_keys(self, keys: TrustedKeys) -> bool:
        """Keep the deployer's keys, unless newer ones are there; whether they were kept."""
        ...

    async def trusted_keys(self) -> TrustedKeys | None:
        """The deployer's newest keys."""
        ...


class AccessStore(Protocol):
    """Transactions, and questions that need none."""

    def begin(self) -> AbstractAsyncContextManager[AccessTransaction]:
        """A transaction, committed at the end of the context."""
        ...

    async def node(self, node_id: str) -> NodeKeys | None:
        """The keys of a node."""
        ...

    async def node_of(self, token_hash: str) -> str | None:
        """The node whose own token this is, if it is not revoked."""
        ...

    async def logins(self) -> list[NodeLogin]:
        """The logins that the broker shall have."""
        ...

    async def revoked(self) -> set[str]:
        """The nodes that are cut off."""
        ...

    async def standing(self) -> str:
        """A text that is another one as soon as a node has joined or was revoked, whatever the replicas' clocks say."""
        ...
