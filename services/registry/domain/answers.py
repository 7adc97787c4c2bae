"""The port for what goes out without an outbox: answers to beats, and counters for who watches.

Nothing of it is lost for good when it is lost: the next beat is answered again, lacks what this one lacked, and brings
newer counters. So the
implementation never raises for a broker that is away.
"""

from collections.abc import Sequence
from typing import Protocol

from services.registry.domain.lease import Granted, Refused
from shared.contracts.accounts import AccountReport
from shared.contracts.assignments import AssignAccounts, SessionWanted
from shared.contracts.own_accounts import NameOwnAccounts


class Answers(Protocol):
    """Best-effort messages."""

    async def answer(self, outcome: Granted | Refused) -> None:
        """Send the lease or the refusal to its node."""
        ...

    async def assign(self, message: AssignAccounts) -> None:
        """Send a node its set of assignments."""
        ...

    async def want_sessions(self, messages: Sequence[SessionWanted]) -> None:
        """Tell the vault which logins a node lacks."""
        ...

    async def name_own_accounts(self, message: NameOwnAccounts) -> None:
        """Send a node the list of the operator's own accounts."""
        ...

    async def tell_counters(self, node_id: str, accounts: Sequence[AccountReport]) -> None:
        """Tell everyone the counters of a node's accounts."""
        ...
