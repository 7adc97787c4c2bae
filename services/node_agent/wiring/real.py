"""The real parts that the settings name."""

import asyncio
import base64
import socket
from functools import partial

from services.node_agent.deadman_timer import KernelTimer
from services.node_agent.domain.keys import NodeKeys
from services.node_agent.domain.membership import Membership
from services.node_agent.domain.trust import Trust
from services.node_agent.settings import AgentSettings
from services.node_agent.store.database import FileConnection
from services.node_agent.store.download import HttpDownloader
from services.node_agent.store.identity_file import IdentityFile
from services.node_agent.store.logins import FolderAndMemory, Logins
from services.node_agent.store.machine import resources_of
from services.node_agent.store.script_files import ScriptFolder
from services.node_agent.store.session_files import SessionFolder
from services.node_agent.store.status_file import StatusFile, status_path
from services.node_agent.store.time_zone import local_time_zone
from services.node_agent.telegram.sessions import Place, load_session
from services.node_agent.telegram.sign_in import TelethonDoor
from services.node_agent.telegram.telethon_client import TelethonTelegram, trust_sandbox
from services.node_agent.transports.amqp import AmqpTransport, address_of
from services.node_agent.transports.folder import FolderTransport
from services.node_agent.transports.http import HttpTransport
from services.node_agent.wiring.ports import NodeSettings, Ports, Transport
from shared.clock import Clock
from shared.contracts.heartbeats import NodeFacts
from shared.randomness import Randomness
from shared.tls import trusting
from shared.version import installed_version


def real_ports(settings: AgentSettings, membership: Membership, clock: Clock, randomness: Randomness) -> Ports:
    """What an agent is connected to. Raises OSError or ValueError when the sandbox's key cannot be read."""
    given, telegram, sandbox = membership.given, settings.telegram, _sandbox(settings)
    folder, logins = SessionFolder(settings.sessions_dir), Logins(asyncio.to_thread)
    at = FolderAndMemory(folder, logins)
    transport = transport_of(settings, membership, clock, randomness)
    api = (telegram.api_id, telegram.api_hash.get_secret_value())
    return Ports(
        bus=transport,
        consume=transport.consume,
        telegram=TelethonTelegram(*api, at, sandbox),
        sessions=folder,
        open_ledger=lambda: FileConnection.open(settings.state_dir / "ledger.sqlite"),
        files=ScriptFolder(settings.state_dir / "scripts"),
        downloader=HttpDownloader(verify=trusting(given.ca)),
        offload=asyncio.to_thread,
        status=StatusFile(status_path(settings.state_dir)),
        trust=Trust(NodeKeys(given.node_id, base64.b64decode(membership.sealing_key), trusted=given.keys), clock),
        kept=IdentityFile(settings.state_dir),
        clock=clock,
        randomness=randomness,
        logins=logins,
        stored_form=lambda content: load_session(content, sandbox).content(),
        door=TelethonDoor(*api, sandbox),
        timer=KernelTimer(),
        resources=partial(resources_of, settings.state_dir),
        close=transport.close,
    )


def node_settings(settings: AgentSettings, membership: Membership) -> NodeSettings:
    """What the agent of this machine is."""
    given = membership.given
    facts = NodeFacts(
        source=settings.source,
        hostname=socket.gethostname(),
        agent_version=installed_version(),
        labels=given.labels | settings.labels,
        time_zone=local_time_zone(),
    )
    return NodeSettings(
        given.node_id,
        facts,
        settings.heartbeat_seconds or given.heartbeat_seconds,
        settings.transport,
        settings.script_check_seconds,
        settings.login_sync_seconds,
    )


def transport_of(settings: AgentSettings, membership: Membership, clock: Clock, randomness: Randomness) -> Transport:
    """The transport that the settings name, with what the node was given for it. Raises ValueError."""
    given = membership.given
    node_id = given.node_id
    match settings.transport:
        case "http":
            url = settings.url or given.url or membership.url
            return HttpTransport(url, given.token, node_id, clock, randomness, verify=trusting(given.ca))
        case "folder":
            return FolderTransport(settings.exchange_dir, node_id, clock, randomness)
        case "amqp":
            if given.broker is None:
                raise ValueError("this node was given no login at the broker: use --transport http")
            broker = given.broker.model_copy(update={"url": settings.amqp_url or given.broker.url})
            ca = IdentityFile(settings.state_dir).ca_path if given.ca else None
            return AmqpTransport(address_of(broker, ca), node_id, clock, randomness)


def _sandbox(settings: AgentSettings) -> Place | None:
    telegram = settings.telegram
    if not (telegram.server_address and telegram.server_port and telegram.server_key_file):
        return None
    trust_sandbox(telegram.server_key_file)
    return Place(telegram.dc_id, telegram.server_address, telegram.server_port)
