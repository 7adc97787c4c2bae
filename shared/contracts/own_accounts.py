"""Which Telegram users are the operator's own accounts, told to every node.

Two accounts of one operator that answer each other would never stop, and on different nodes neither knows the other.
So nodes report their accounts' user ids, every beat says by a digest which ids the node knows of, and the registry
sends the list to a node whose digest is another than the fleet's.
"""

import hashlib
from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from shared.contracts.contract import Contract
from shared.contracts.digests import Digest
from shared.contracts.identifiers import NodeId

# About half a megabyte as a message. A larger fleet is told the smallest ids, and its scripts have to do the rest.
MOST_OWN_ACCOUNTS = 50_000


class NameOwnAccounts(Contract):
    """These users are our own accounts, wherever they run: answer none of them."""

    TYPE: ClassVar[str] = "node.own-accounts.v1"

    node_id: NodeId
    user_ids: list[int] = Field(max_length=MOST_OWN_ACCOUNTS)


def own_accounts_digest(user_ids: Iterable[int]) -> Digest:
    """The digest of a set of user ids: 32 hexadecimal digits, whatever their order."""
    joined = ",".join(map(str, sorted(set(user_ids))))
    return hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()
