"""The demo's logins go the way of every login: into the vault, assigned to a node, and sealed to it from there.

`fill_vault` runs at every start beside the agents, and uploads what the vault lacks: at the second start nothing.
`assign_at_first` assigns each account once in its life: one that was assigned before is where the operator wants it, be
that another node or none.
"""

import asyncio
import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from services.cli.connection_file import KeptConnection
from services.cli.embedded.errors import StartFailed
from services.cli.paths import ACCOUNTS, ASSIGNMENTS, SESSIONS
from services.cli.stack.demo_world import DemoLogin
from services.cli.stack.events import Listener, Said
from services.cli.stack.fleet import ASK_SECONDS, UNREADABLE, FleetApi, refusal
from shared.contracts.assignments import AssignmentState

ZIP = {"Content-Type": "application/zip"}
# The registry hears from the vault in less than a second; were that event lost with the broker, it is told again
# within the half minute in which the vault goes round.
KNOWN_SECONDS = 90.0


async def fill_vault(connection: KeptConnection, logins: Sequence[DemoLogin]) -> None:
    """Upload the logins that the vault does not have. Raises StartFailed."""
    async with FleetApi(connection) as api:
        try:
            known = {row["account_id"] for row in await api.rows(SESSIONS)}
            missing = [login for login in logins if login.account_id not in known]
            if not missing:
                return
            answer = await api.post(SESSIONS, content=_zipped(missing), headers=ZIP)
            reasons = [str(item["refused"]) for item in answer["items"] if item["refused"]]
        except httpx.HTTPStatusError as refused:
            raise StartFailed(f"the vault did not take the demo's logins: {refusal(refused)}") from refused
        except UNREADABLE as error:
            raise StartFailed(f"the vault did not take the demo's logins: {error!r}") from error
    if reasons:
        raise StartFailed(f"the vault did not take {len(reasons)} of the demo's logins: {reasons[0]}")


async def assign_at_first(api: FleetApi, logins: Sequence[DemoLogin], tell: Listener) -> None:
    """Wait for the nodes, then assign the accounts that never were. A refusal is told; it does not end the stack."""
    await api.until_online(frozenset(login.node_id for login in logins))
    waiting = {login.account_id: login.node_id for login in logins}
    patience = asyncio.get_running_loop().time() + KNOWN_SECONDS
    assigned = 0
    while waiting:
        try:
            assigned += await _assign_known(api, waiting)
        except httpx.HTTPStatusError as refused:
            tell(Said(f"The demo's accounts were not assigned: {refusal(refused)}; {_by_hand(waiting)}"))
            return
        except UNREADABLE:
            pass  # The console is restarting: ask again.
        if waiting and asyncio.get_running_loop().time() > patience:
            names = ", ".join(waiting)
            tell(Said(f"The registry has not heard of {names} in the vault; {_by_hand(waiting)} when it has"))
            return
        if waiting:
            await asyncio.sleep(ASK_SECONDS)
    if assigned:
        nodes = " and ".join(sorted({login.node_id for login in logins}))
        tell(Said(f"Assigned {assigned} accounts to {nodes}; their logins come from the vault, sealed to each node"))


async def _assign_known(api: FleetApi, waiting: dict[str, str]) -> int:
    """Assign what the registry knows by now, and wait for it no more; how many it were."""
    rows = {str(row["account_id"]): row for row in await api.rows(ASSIGNMENTS)}
    assigned = 0
    for account_id in [each for each in waiting if each in rows]:
        if _was_never_assigned(rows[account_id]):
            await api.post(f"{ACCOUNTS}/{account_id}/assignment", json={"node_id": waiting[account_id]})
            assigned += 1
        del waiting[account_id]
    return assigned


def _was_never_assigned(row: Mapping[str, Any]) -> bool:
    return bool(row["state"] == AssignmentState.UNASSIGNED and row["epoch"] == 0)


def _by_hand(waiting: Mapping[str, str]) -> str:
    account_id, node_id = next(iter(waiting.items()))
    return f"`callboard accounts assign {account_id} {node_id}` does it"


def _zipped(logins: Sequence[DemoLogin]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for login in logins:
            archive.writestr(f"{login.account_id}.session", login.session)
    return packed.getvalue()
