"""Which accounts go on without their newest state, because the node that had it fell silent.

That is what the registry promises in such a case, and says in the row's reason; a later order writes another reason, so
every row is looked at after every moment.
"""

from collections.abc import Callable, Mapping

from services.registry.domain.assignments import Assignment

# What the reasons of such rows have in them.
SAYS_SO = ("fell silent", "did not come in time")


class Silences:
    """See the module's docstring. `rows` gives those of the registry, by account."""

    def __init__(self, rows: Callable[[], Mapping[str, Assignment]]) -> None:
        self._rows = rows
        self._seen: dict[str, Assignment] = {}
        self._silent: set[str] = set()

    def look(self) -> None:
        """Take in what the rows are now."""
        for account_id, row in self._rows().items():
            if row is not self._seen.get(account_id):
                self._seen[account_id] = row
                if row.reason is not None and any(each in row.reason for each in SAYS_SO):
                    self._silent.add(account_id)

    def excuse(self, account_id: str) -> bool:
        """Whether the account, which starts now with an older state, was excused; once."""
        self.look()
        excused = account_id in self._silent
        self._silent.discard(account_id)
        return excused
