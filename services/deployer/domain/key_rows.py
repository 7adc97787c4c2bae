"""The deployer's own keys in a transaction: the port of the table."""

from typing import Protocol

from services.deployer.domain.signing_keys import Keys


class KeyRows(Protocol):
    """The deployer's own keys."""

    async def all(self) -> Keys:
        """Everything that is kept; nothing before the first start."""
        ...

    async def lock(self) -> Keys:
        """The same, and nobody else changes it until the end of the transaction."""
        ...

    async def save(self, keys: Keys) -> None:
        """Write what is kept from now on, in the place of what was."""
        ...
