"""The twin of `store.keys`, on the tables of `store.in_memory`."""

from services.deployer.domain.signing_keys import Keys
from services.deployer.store.in_memory_tables import Tables


class InMemoryKeys:
    """Implements `domain.key_rows.KeyRows`."""

    def __init__(self, tables: Tables) -> None:
        self._keys = tables.keys

    async def all(self) -> Keys:
        """Everything that is kept; nothing before the first start."""
        return self._keys.get("", Keys())

    async def lock(self) -> Keys:
        """The same, and nobody else changes it until the end of the transaction."""
        return await self.all()

    async def save(self, keys: Keys) -> None:
        """Write what is kept from now on, in the place of what was."""
        self._keys[""] = keys
