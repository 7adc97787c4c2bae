"""The keys of a node that has joined, as the registry keeps them: for tests in which nobody joins."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_GIVE = text(
    "insert into registry.node_keys (node_id, sealing_key, signing_key, broker_hash, token_hash, enrolment_id, "
    "enrolled_at, changed_at) values (:node_id, :key, '', '', :node_id, '', now(), now())"
)


async def give_keys(connection: AsyncConnection, node_id: str, sealing_key: str) -> None:
    """Let the node have the key that logins are sealed to."""
    await connection.execute(_GIVE, {"node_id": node_id, "key": sealing_key})
