"""Accounts of a real fleet that move: what an operator does, and where everybody is afterwards."""

from dataclasses import dataclass
from typing import Any

import httpx

from services.telegram_sandbox.api.bodies import SessionRow
from tests.support.fleet import Fleet
from tests.support.waiting import until

ASSIGNMENT = "/api/v1/group-ai/accounts/{}/assignment"
SESSIONS = "/api/v1/group-ai/sessions"


@dataclass(frozen=True)
class Whereabouts:
    """An account's assignment, and what its node reports of it; None where nobody says."""

    account_id: str
    row: dict[str, Any]
    report: dict[str, Any]

    def is_at(self, node: str) -> bool:
        """Whether it is this node's, and online there in the very epoch."""
        belongs = (self.row.get("state"), self.row.get("node_id")) == ("assigned", node)
        shown = (self.report.get("node_id"), self.report.get("status"), self.report.get("epoch"))
        return belongs and shown == (node, "online", self.row["epoch"])


async def bring_into_the_vault(fleet: Fleet) -> list[str]:
    """Upload the logins of all nodes' folders; the accounts. Only what the vault has leaves a node that is silent."""
    files = sorted(file for node in fleet.nodes for file in (fleet.home / node / "sessions").glob("*.session"))
    for file in files:
        answer = await fleet.api.post(
            SESSIONS,
            params={"file_name": file.name},
            content=file.read_bytes(),
            headers={"content-type": "application/vnd.sqlite3"},
        )
        assert answer.status_code == 201, answer.text
    accounts = [file.stem for file in files]

    async def known() -> bool:
        rows = [await fleet.get(ASSIGNMENT.format(each)) for each in accounts]
        return all(row.get("in_vault") for row in rows)

    await until(known, "the registry knows what the vault has", 20)
    return accounts


async def order(fleet: Fleet, account: str, node: str) -> None:
    """Order an account to a node, however long the registry is away."""

    async def ordered() -> bool:
        try:
            answer = await fleet.api.post(ASSIGNMENT.format(account), json={"node_id": node})
        except httpx.TransportError:
            return False
        assert answer.status_code in (202, 502, 503, 504), answer.text
        return answer.status_code == 202

    await until(ordered, f"{account} is ordered to {node}", 60)


async def ask_for_state(fleet: Fleet, account: str) -> None:
    """Let the account's node hand its present state back."""
    answer = await fleet.api.post(f"{SESSIONS}/{account}/sync")
    assert answer.status_code == 202, answer.text


async def whereabouts(fleet: Fleet, account: str) -> Whereabouts:
    """Where an account is, as its owner shows it."""
    row = await fleet.get(ASSIGNMENT.format(account))
    owner = {"node_id": row["node_id"]} if row.get("node_id") else {}
    return Whereabouts(account, row, await fleet.get(f"/api/v1/group-ai/accounts/{account}", **owner))


async def nodes_online(fleet: Fleet, count: int) -> bool:
    """Whether so many nodes are online, and no other."""
    found = await fleet.get("/api/v1/workers", limit=100)
    return [node["status"] for node in found.get("items", [])] == ["online"] * count


async def versions(fleet: Fleet, account: str) -> list[dict[str, Any]]:
    """The versions of an account's login that the vault has."""
    found = await fleet.get(f"{SESSIONS}/{account}/versions", limit=1000)
    return list(found.get("items", []))


async def dead_logins(fleet: Fleet) -> list[SessionRow]:
    """Logins that Telegram has destroyed because two used them at once."""
    return [session for session in await fleet.sandbox.sessions() if session.dead == "AUTH_KEY_DUPLICATED"]
