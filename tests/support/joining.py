"""Machines that join a running back office, as `callboard-agent join` makes them."""

from pathlib import Path

import httpx

from services.node_agent.domain.membership import Membership
from services.node_agent.joining import Ask, join
from services.node_agent.store.identity_file import IdentityFile


def enrolled(url: str, token: str, node_id: str, state_dir: Path) -> Membership:
    """A node of this id, whose identity is in its state folder; `token` is an operator's. Blocking."""
    headers = {"authorization": f"Bearer {token}"}
    invited = httpx.post(f"{url}/api/v1/workers/enrolments", headers=headers, json={"node_id": node_id}, timeout=20)
    assert invited.status_code == 201, invited.text
    outcome = join(Ask(url, invited.json()["token"]), IdentityFile(state_dir))
    assert isinstance(outcome, Membership), outcome
    return outcome
