"""A whole Callboard as real processes, each of which a test can stop, kill, freeze, erase and start again.

PostgreSQL and RabbitMQ are private child processes with their own directories; the services and agents are started
as an operator would start them (`python -m services.<name>`). Nothing restarts by itself: what dies here was killed by
the test, or is found by `assert_alive`. Agents reach the broker by a link each (`links`), which a test can cut. All are
on one address here, so Telegram's rule is the strict one: two connections of a login destroy it, wherever they come
from. With CALLBOARD_TEST_TLS=1 services and agents reach the broker by TLS.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
import httpx

from services.cli.embedded import Broker, Command, EmbeddedPostgres, OwnedProcess, choose_broker
from services.telegram_sandbox.api.bodies import ReadySessionRow
from services.telegram_sandbox.client import SandboxClient
from services.telegram_sandbox.world.seed import SeedAccounts, SeedChat, SeedUser, WorldSeed
from tests.support.joining import enrolled
from tests.support.link import Link
from tests.support.ports import free_port
from tests.support.tls import Certificates, certificates, listen_with_tls
from tests.support.waiting import until

TOKEN = "token-of-the-fault-tests"
CHAT = "callboard_demo"
LEASE_SECONDS = 8
DRIFT_MARGIN_SECONDS = 2
HEARTBEAT_SECONDS = 1
ACCOUNTS = 2
STOP_SECONDS = 12.0
MIGRATED = ("registry", "deployer")
SERVICES = (*MIGRATED, "console")


class Fleet:
    """See the module's docstring. `processes` has a process for each service and agent, by name."""

    def __init__(self, home: Path, nodes: tuple[str, ...] = ("node-a", "node-b")) -> None:
        self.home = home
        self.nodes = nodes
        self._tls: Certificates | None = None
        names = ("registry", "deployer", "console", "sandbox", "mtproto", "postgres", "amqp", "management", "amqps")
        self.ports = {name: free_port() for name in names}
        self.postgres = EmbeddedPostgres(home / "postgres", port=self.ports["postgres"])
        self._rabbit: Broker | None = None
        self.processes: dict[str, OwnedProcess] = {}
        self.links: dict[str, Link] = {}
        headers = {"authorization": f"Bearer {TOKEN}"}
        self.api = httpx.AsyncClient(base_url=self._url("console"), headers=headers, timeout=20)
        self.sandbox = SandboxClient(self._url("sandbox"), TOKEN)
        self.guest = 0

    async def __aenter__(self) -> Self:
        """Start everything and wait until every account of every node is online; on a failure print why it did not."""
        try:
            await self._start()
        except BaseException:
            print(self.last_words(), file=sys.stderr)
            await self._end()
            raise
        return self

    async def _start(self) -> None:
        await asyncio.gather(self._start_servers(), self._start_sandbox())
        await self._start_services()
        await asyncio.gather(*(self.add_node(node) for node in self.nodes))
        await until(self.all_online, "every account of every node is online", 60)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything; on a failure print the logs' last lines, which are all that is left of the processes."""
        if error is not None:
            print(self.last_words(), file=sys.stderr)
        await self._end()

    async def _end(self) -> None:
        ends = [process.stop(STOP_SECONDS) for process in reversed(self.processes.values())]
        await asyncio.gather(*ends)
        if self._rabbit is not None:
            await asyncio.gather(self._rabbit.stop(STOP_SECONDS), self.postgres.stop())
        await asyncio.gather(*(link.close() for link in self.links.values()))
        await self.api.aclose()
        await self.sandbox.close()

    def last_words(self) -> str:
        """The logs' last lines."""
        return "\n".join(f"--- {name}\n{process.log_tail(40)}" for name, process in self.processes.items())

    async def is_whole(self) -> bool:
        """Whether everything runs and every account is online, or is so in a moment."""
        if not all(process.running for process in self.processes.values()):
            return False
        try:
            await until(self.all_online, "every account of every node is online", 20)
        except AssertionError:
            return False
        return True

    @property
    def rabbit(self) -> Broker:
        """The broker."""
        assert self._rabbit is not None, "the fleet has not been started"
        return self._rabbit

    async def launch(self, name: str, module: str, environment: Mapping[str, str]) -> None:
        """Start a service's process for the first time."""
        command = Command(
            (sys.executable, "-m", f"services.{module}"),
            {**os.environ, **environment},
            self.home / "logs" / f"{name}.log",
        )
        self.processes[name] = OwnedProcess(command)
        await self.processes[name].start()

    async def join(self, node: str, state_dir: Path) -> None:
        """Make a node of this name, as `callboard-agent join` does."""
        await asyncio.to_thread(enrolled, self._url("console"), TOKEN, node, state_dir)

    async def add_node(self, node: str) -> None:
        """A node that has joined, with its agent and its link to the broker."""
        link = self.links[node] = Link("127.0.0.1", self.ports["amqp" if self._tls is None else "amqps"])
        await asyncio.gather(link.start(), self.join(node, self.home / node / "state"))
        await self.launch(node, "node_agent", self._agent_environment(node))

    async def kill(self, name: str) -> None:
        """SIGKILL, as a power cut would end it."""
        await self.processes[name].kill()

    async def start_again(self, name: str) -> None:
        """Start what was killed."""
        await self.processes[name].start()

    async def ready(self, service: str) -> None:
        """Wait until a service says that it is ready."""

        async def is_ready() -> bool:
            try:
                async with httpx.AsyncClient() as client:
                    return (await client.get(f"{self._url(service)}/health/ready", timeout=2)).status_code == 200
            except httpx.TransportError:
                return False

        await until(is_ready, f"{service} is ready", 40)

    async def accounts(self) -> list[dict[str, Any]]:
        """The accounts as the API shows them; empty while the API is away."""
        found = await self.get("/api/v1/group-ai/accounts", limit=1000)
        return list(found.get("items", []))

    async def get(self, path: str, **params: object) -> dict[str, Any]:
        """A GET that takes an API that is away for an empty answer: the tests take it away on purpose."""
        try:
            answer = await self.api.get(path, params={name: str(value) for name, value in params.items()})
        except httpx.TransportError:
            return {}
        return dict(answer.json()) if answer.status_code == 200 else {}

    async def all_online(self) -> bool:
        """Whether every account of every node is shown online."""
        rows = await self.accounts()
        return len(rows) == len(self.nodes) * ACCOUNTS and all(row["status"] == "online" for row in rows)

    async def push(self, source: str) -> int:
        """Store a script version, however long the deployer is away; its number."""

        async def pushed() -> int:
            try:
                answer = await self.api.post(
                    "/api/v1/group-ai/scripts", content=source, headers={"content-type": "application/yaml"}
                )
            except httpx.TransportError:
                return 0
            return int(answer.json()["version"]) if answer.status_code in (200, 201) else 0

        return await until(pushed, "the script is stored", 60)

    async def deploy(self, script_id: str, **rollout: object) -> str:
        """Order the newest version to every node, however long the deployer is away; the deployment's id."""
        order = {"node_ids": list(self.nodes), "bind": "all", "rollout": rollout}

        async def ordered() -> str:
            try:
                answer = await self.api.post(f"/api/v1/group-ai/script-deployment/deploy/{script_id}", json=order)
            except httpx.TransportError:
                return ""
            return str(answer.json()["deployment_id"]) if answer.status_code == 202 else ""

        return await until(ordered, "the deployment is ordered", 60)

    async def verified(self, deployment: str) -> bool:
        """Whether every delivery of a deployment is verified."""
        found = await self.get(f"/api/v1/group-ai/script-deployment/deployments/{deployment}")
        return bool(found) and found["totals"].get("verified", 0) == len(self.nodes)

    async def query(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """Ask PostgreSQL itself."""
        connection = await self.connect()
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    async def connect(self) -> asyncpg.Connection:
        """A connection to PostgreSQL."""
        return await asyncpg.connect(self.postgres.dsn, timeout=10)

    def assert_alive(self) -> None:
        """Fail if a process ended that no test has ended."""
        ended = [name for name, process in self.processes.items() if not process.running]
        assert not ended, f"ended by themselves: {ended}"

    async def _start_servers(self) -> None:
        ports = (self.ports["amqp"], self.ports["management"])
        if os.environ.get("CALLBOARD_TEST_TLS") == "1":
            self._tls = certificates(self.home / "tls")
            listen_with_tls(self.home / "rabbitmq", self.ports["amqps"], self._tls)
        self._rabbit = await choose_broker(self.home / "rabbitmq", ports=ports)
        await asyncio.gather(self.postgres.start(), self.rabbit.start())
        await asyncio.gather(*(self._migrate(service) for service in MIGRATED))

    async def _start_sandbox(self) -> None:
        await self.launch("sandbox", "telegram_sandbox", self._sandbox_environment())
        await self.ready("sandbox")
        await self._make_world()

    async def _start_services(self) -> None:
        for service in SERVICES:
            await self.launch(service, service, self._service_environment(service))
        await asyncio.gather(*(self.ready(service) for service in SERVICES))

    async def _migrate(self, service: str) -> None:
        command = Command(
            (sys.executable, "-m", f"services.{service}", "migrate"),
            {**os.environ, **self._service_environment(service)},
            self.home / "logs" / f"migrate-{service}.log",
        )
        process = OwnedProcess(command)
        await process.start()
        assert await process.wait() == 0, process.log_tail(40)

    async def _make_world(self) -> None:
        """A chat with a guest, and for each node its accounts in it, their sessions written where the agent looks."""
        async with SandboxClient(self._url("sandbox"), TOKEN) as sandbox:
            prefixes = [node.replace("-", "_") for node in self.nodes]
            ready = await sandbox.apply(
                WorldSeed(
                    users=[SeedUser(username="guest_one", first_name="Guest")],
                    chats=[SeedChat(title="Demo", username=CHAT, members=["guest_one"])],
                    accounts=[SeedAccounts(count=ACCOUNTS, prefix=prefix, chats=[CHAT]) for prefix in prefixes],
                )
            )
            self.guest = next(user.user_id for user in await sandbox.users() if user.username == "guest_one")
            server = await sandbox.server()
        (self.home / "sandbox.pem").write_text(server.public_key)
        for session in ready:
            self._keep_login(session)

    async def log_in_again(self, user_id: int) -> None:
        """A new login for an account whose login was lost, put where the agent looks."""
        self._keep_login(await self.sandbox.add_session(user_id))

    def _keep_login(self, session: ReadySessionRow) -> None:
        node = next(node for node in self.nodes if (session.username or "").startswith(node.replace("-", "_")))
        folder = self.home / node / "sessions"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{session.username}.session").write_bytes(session.file_bytes())

    def _url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    def _service_environment(self, service: str) -> dict[str, str]:
        return self._broker_environment() | {
            "CALLBOARD_DATABASE_URL": self.postgres.url,
            "CALLBOARD_TOKEN": TOKEN,
            "CALLBOARD_SECRET": TOKEN,
            "CALLBOARD_MANAGEMENT_URL": self.rabbit.management.url if self.rabbit.management else "",
            "CALLBOARD_PUBLIC_URL": self._url("console"),
            "CALLBOARD_REGISTRY_URL": self._url("registry"),
            "CALLBOARD_DEPLOYER_URL": self._url("deployer"),
            "CALLBOARD_HTTP_PORT": str(self.ports[service]),
            "CALLBOARD_LEASE_SECONDS": str(LEASE_SECONDS),
            "CALLBOARD_DRIFT_MARGIN_SECONDS": str(DRIFT_MARGIN_SECONDS),
            "CALLBOARD_VERDICT_MARGIN_SECONDS": "1",
            "CALLBOARD_SWEEP_SECONDS": "0.5",
            "CALLBOARD_TELEGRAM__SERVER_ADDRESS": "127.0.0.1",
            "CALLBOARD_TELEGRAM__SERVER_PORT": str(self.ports["mtproto"]),
            "CALLBOARD_RESEND_FIRST_SECONDS": "2",
            "CALLBOARD_RESEND_MOST_SECONDS": "5",
            "CALLBOARD_DRIFT_SETTLE_SECONDS": "3",
            "CALLBOARD_DRIFT_REPAIR_FIRST_SECONDS": "2",
            "CALLBOARD_DRIFT_REPAIR_MOST_SECONDS": "5",
        }

    def _broker_environment(self) -> dict[str, str]:
        if self._tls is None:
            return {"CALLBOARD_AMQP_URL": self.rabbit.url}
        login, _, place = self.rabbit.url.removeprefix("amqp://").partition("@")
        assert place.startswith(f"127.0.0.1:{self.ports['amqp']}"), "TLS is for a private RabbitMQ"
        address = f"127.0.0.1:{self.ports['amqps']}/"
        return {
            "CALLBOARD_AMQP_URL": f"amqps://{login}@{address}",
            "CALLBOARD_AMQP_CA_FILE": str(self._tls.ca),
            "CALLBOARD_NODES_AMQP_URL": f"amqps://{address}",
            "CALLBOARD_NODES_CA_FILE": str(self._tls.ca),
        }

    def _agent_environment(self, node: str) -> dict[str, str]:
        return {
            "CALLBOARD_NODE_ID": node,
            "CALLBOARD_AMQP_URL": f"{'amqp' if self._tls is None else 'amqps'}://127.0.0.1:{self.links[node].port}/",
            "CALLBOARD_STATE_DIR": str(self.home / node / "state"),
            "CALLBOARD_SESSIONS_DIR": str(self.home / node / "sessions"),
            "CALLBOARD_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
            "CALLBOARD_SCRIPT_CHECK_SECONDS": "1",
            "CALLBOARD_LOGIN_SYNC_SECONDS": "10",
            "CALLBOARD_TELEGRAM__API_ID": "1",
            "CALLBOARD_TELEGRAM__API_HASH": "0" * 32,
            "CALLBOARD_TELEGRAM__SERVER_ADDRESS": "127.0.0.1",
            "CALLBOARD_TELEGRAM__SERVER_PORT": str(self.ports["mtproto"]),
            "CALLBOARD_TELEGRAM__SERVER_KEY_FILE": str(self.home / "sandbox.pem"),
            "CALLBOARD_TELEGRAM__DC_ID": "2",
        }

    def _sandbox_environment(self) -> dict[str, str]:
        return {
            "CALLBOARD_TOKEN": TOKEN,
            "CALLBOARD_SANDBOX_PORT": str(self.ports["mtproto"]),
            "CALLBOARD_SANDBOX_ADMIN_PORT": str(self.ports["sandbox"]),
            "CALLBOARD_SANDBOX_STATE_DIR": str(self.home / "sandbox"),
            "CALLBOARD_SANDBOX_DC_ID": "2",
            "CALLBOARD_SANDBOX_DUPLICATE_RULE": "connection",
        }
