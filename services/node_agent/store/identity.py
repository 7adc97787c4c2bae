"""Who this agent is, across restarts: the ledger's own id, and the number of this start.

A ledger that was lost and made anew has another id, so that the registry never takes its changes, numbered from 1
again, for old ones. The boot number rises with every start, even when the clock was set back between.
"""

from datetime import datetime

from services.node_agent.domain.identity import Identity
from services.node_agent.store.database import Database
from shared.randomness import Randomness


async def begin_boot(database: Database, now: datetime, randomness: Randomness) -> Identity:
    """Note that the agent starts; its identity. Raises LedgerAway."""
    async with database.transaction() as connection:
        rows = await connection.execute("select ledger_id, boot from identity")
        if not rows:
            rows = [(randomness.new_id(), 0)]
            await connection.execute("insert into identity values (?, ?, 0)", rows[0])
        ledger_id, last_boot = rows[0]
        boot = max(last_boot + 1, int(now.timestamp() * 1_000_000))
        await connection.execute("update identity set boot = ?", (boot,))
    return Identity(ledger_id, boot)
