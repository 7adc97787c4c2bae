"""Which accounts there are on this node, each with the login that it has here: from the folder, or from the vault.

An account of the set has the login that its epoch asks for, and no other: one that was moved away and back runs on what
the vault sends, although its file is still here, because the file is older. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.node_agent.domain.accounts import Account, SessionFile, Station
from services.node_agent.domain.assignments import FOLDER_EPOCH, Assignments
from services.node_agent.domain.logins import VAULT, Login
from shared.contracts.heartbeats import MOST_ACCOUNTS


@dataclass(frozen=True)
class Berth:
    """An account's place on this node. `file` is None while its login is not here."""

    epoch: int
    file: SessionFile | None
    login: Login | None = None

    def station(self, before: Station | None) -> Station:
        """What is told of it; while its login is away, what was told before."""
        if self.login is not None:
            return Station(self.login.file.name, self.epoch, self.login.version, self.login.hash)
        if self.file is not None:
            return Station(self.file.name, self.epoch)
        return before or Station(VAULT, self.epoch)


def find_berths(
    files: Mapping[str, SessionFile], logins: Mapping[str, Login], assignments: Assignments, known: Iterable[Account]
) -> dict[str, Berth]:
    """Every account that this node has or is to have, in order, at most as many as a node may report.

    `known` are the accounts of the ledger: until the node's set is known, those of the vault are not gone.
    """
    assigned = [each.account_id for each in assignments.in_set() if each.epoch > FOLDER_EPOCH]
    waiting = [] if assignments.settled else [each.account_id for each in known if each.session_file.startswith(VAULT)]
    found: dict[str, Berth] = {}
    for account_id in (*assigned, *waiting, *files):
        if len(found) < MOST_ACCOUNTS:
            found[account_id] = _berth(account_id, files, logins, assignments)
    return {account_id: found[account_id] for account_id in sorted(found)}


def _berth(
    account_id: str, files: Mapping[str, SessionFile], logins: Mapping[str, Login], assignments: Assignments
) -> Berth:
    epoch = assignments.epoch(account_id)
    if epoch == FOLDER_EPOCH:
        return Berth(epoch, files.get(account_id))
    login = logins.get(account_id)
    if login is None or login.epoch != epoch:
        return Berth(epoch, None)
    return Berth(epoch, login.file, login)
