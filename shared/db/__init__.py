"""PostgreSQL for the services that keep state: engine, transactions, outbox, advisory lock, migrations."""

from shared.db.engine import Database, new_engine
from shared.db.outbox import Outbox, OutboxRelay

__all__ = ["Database", "Outbox", "OutboxRelay", "new_engine"]
