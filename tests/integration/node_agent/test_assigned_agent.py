"""The agent as a process under a registry that assigns, with real Telethon: logins in memory, and its own end."""

import asyncio
import base64
import signal
from pathlib import Path

from services.node_agent.telegram.sessions import load_session
from services.telegram_sandbox.client import SandboxClient
from shared.clock import SystemClock
from tests.contract.node_agent.telegram_worlds import ACCOUNT, OTHER
from tests.integration.node_agent.real_node import LEASE_SECONDS, RealNode
from tests.support.agent.model_vault import ModelVault
from tests.support.waiting import until


def in_the_vault(node: RealNode) -> ModelVault:
    """Both accounts are the vault's, assigned to the node; its session folder is empty."""
    vault = node.registry.vault = ModelVault(SystemClock())
    for account_id in (ACCOUNT, OTHER):
        (node.world.folder / f"{account_id}.session").unlink()
        vault.put(account_id, node.world.ready[account_id].file_bytes())
        vault.assign(account_id, 1)
    return vault


async def connections(admin: SandboxClient) -> int:
    """How many clients the sandbox has."""
    return sum(len(row.connections) for row in await admin.sessions())


def found_in(folder: Path, secret: bytes) -> list[str]:
    """The files below a folder that have a secret in them: as it is, in hexadecimal, or in base64."""
    forms = (secret, secret.hex().encode(), base64.b64encode(secret)[:-4])
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files, f"there is nothing in {folder}"
    return [path.name for path in files if any(form in path.read_bytes() for form in forms)]


async def test_a_login_of_the_vault_runs_from_memory_and_goes_back(node: RealNode) -> None:
    """The login would be on the node's disk, or its newest state lost with the move."""
    vault = in_the_vault(node)
    key = load_session(vault.versions[ACCOUNT][0], None).auth_key.key
    await node.start()
    await node.until_online()
    assert node.registry.accounts[ACCOUNT].session_file == "vault:1"
    await node.world.guest_says("Is anybody here?")
    await until(lambda: node.registry.accounts[ACCOUNT].message_count == 1, "the message")
    vault.assign(ACCOUNT, 1, release=True)
    await until(lambda: [each.account_id for each in vault.released] == [ACCOUNT], "it is given back")
    [state] = [each for each in vault.synced if each.account_id == ACCOUNT]
    assert state.final and vault.released[0].session_hash == state.hash
    newest = load_session(vault.versions[ACCOUNT][-1], None)
    assert newest.auth_key.key == key and newest.get_update_state(0).pts > 0
    assert await connections(node.world.admin) == 1
    assert await node.stop() == 0, node.log()
    assert {each.account_id for each in vault.synced} == {ACCOUNT, OTHER}
    assert list(node.world.folder.glob("*.session")) == []
    assert found_in(node.home / "state", key) == []
    assert key.hex() not in node.log()


async def test_a_stopped_agent_ends_with_its_lease_and_the_next_one_says_so(node: RealNode) -> None:
    """A process under SIGSTOP would hold its sockets while its accounts start elsewhere."""
    in_the_vault(node)
    process = await node.start()
    await node.until_online()
    boot = node.registry.beats[-1].boot
    process.send_signal(signal.SIGSTOP)
    # What was granted last was counted from a beat before the signal.
    assert await asyncio.wait_for(process.wait(), LEASE_SECONDS + 1) == -signal.SIGKILL

    async def hung_up() -> bool:
        return await connections(node.world.admin) == 0

    await until(hung_up, "the kernel has closed the sockets")
    await node.start()
    await until(lambda: "ended_while_connected" in node.log(), "the next start says how the last one ended")
    await until(lambda: node.registry.beats[-1].boot > boot, "it beats")
    await node.until_online()
