"""A whole fleet in one process and in virtual time: a registry, a deployer and nodes, wired by their own `app.py`.

What is real: every use case, handler, job and state machine, the agents' SQL, the encoding of every message, the
deployer's HTTP door. What is the port's twin: broker, PostgreSQL, Telegram, clock, dice. The same seed gives the same
fleet, dice and messages.

`run_for` lets time pass and fails on whatever no fleet may ever do: an account live without a lease, a part that ends
by itself, a dead letter, an unexpected error in a log.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self
from unittest.mock import patch
from zlib import crc32

import httpx

from services.deployer.app import DeployerApp
from services.deployer.app import Ports as DeployerPorts
from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployments import Deployment
from services.deployer.settings import DeployerSettings
from services.deployer.ssh.in_memory import InMemorySsh
from services.deployer.store.in_memory import InMemoryStore as DeployerStore
from services.deployer.use_cases.keep_version import Kept
from services.deployer.use_cases.store_sessions import Upload
from services.node_agent.telegram.in_memory import login_of
from services.registry.app import Ports as RegistryPorts
from services.registry.app import Registry
from services.registry.broker.in_memory import InMemoryAccess
from services.registry.domain.views import AccountPlace, AccountQuestion, AccountView, AssignmentView, NodeView
from services.registry.settings import Settings as RegistrySettings
from services.registry.store.in_memory import InMemoryStore as RegistryStore
from services.registry.store.in_memory_access import InMemoryAccessStore
from services.registry.store.in_memory_tables import AccountRow
from services.registry.store.in_memory_tokens import InMemoryTokens
from shared.audit.log import InMemoryAuditLog
from shared.contracts import names
from shared.contracts.deployments import DeliveryChanged, DeliveryState
from shared.messaging import Unavailable
from shared.messaging.in_memory_mailbox import InMemoryMailbox
from shared.randomness import SeededRandomness
from shared.sealing import sealing_key_of
from tests.simulation.clocks import FleetClock
from tests.simulation.logins import PlainLogins
from tests.simulation.logs import LogBook
from tests.simulation.machines import Machine
from tests.simulation.services import Outlet, Service, every
from tests.simulation.telegram import GuardedTelegram
from tests.simulation.wire import Broker, Line
from tests.support.agent.surroundings import at_once
from tests.support.agent.trusting import NODES, named, stored_keys

LEASE_SECONDS = 30.0
TOKEN = "the-token-of-the-simulation"
SECRET = "the-secret-of-the-simulation"
GUEST = 1
DRIFT = "/api/v1/group-ai/script-deployment/drift"
# No service opens these: the ports stand in their place.
NOWHERE = {"amqp_url": "amqp://nowhere", "database_url": "postgresql+asyncpg://nowhere", "token": TOKEN}


class SimulatedFleet:
    """See the module's docstring. Nodes are `n0`, `n1` …; node `n0` has the accounts `n0-a0`, `n0-a1` …

    Their logins are in the nodes' session folders, or with `vault` nowhere until they are uploaded. `paces` are those
    of the machines' clocks.
    """

    def __init__(
        self,
        nodes: int,
        accounts: int = 3,
        *,
        seed: int = 0,
        aloud: bool = False,
        paces: Sequence[float] = (),
        vault: bool = False,
    ) -> None:
        self.seed = seed
        self._vault = vault
        self._paces = dict(enumerate(paces))
        self.clock = FleetClock()
        self.broker = Broker(self.clock, self.dice("broker"))
        self.registry_store = RegistryStore(self.clock)
        self.deployer_store = DeployerStore(lambda: self.orders.wake())
        self.access, self.logins = InMemoryAccessStore(), InMemoryAccess()
        self.facts = Outlet(self.registry_store.sent, self.clock)
        self.orders = Outlet(self.deployer_store.announced, self.clock)
        self.telegram = GuardedTelegram(self.clock, self.lease_left)
        self.registry = Service(self._make_registry, lambda: self._line("registry"))
        self.deployer = Service(self._make_deployer, lambda: self._line("deployer"))
        self.logs = LogBook(self.clock, aloud=aloud)
        self.machines: list[Machine] = []
        self._threads = patch("asyncio.to_thread", at_once)
        self.telegram.add_guest(GUEST, "Gast")
        self.clock.after_step = self.telegram.look
        for number in range(nodes):
            self.add_machine(f"n{number}", [f"n{number}-a{each}" for each in range(accounts)])

    async def __aenter__(self) -> Self:
        self.logs.open()
        # A thread would bring real time in, and with it another day under the same seed.
        self._threads.start()
        async with self.deployer_store.begin() as transaction:
            await transaction.keys.save(stored_keys(SECRET, self.clock.now()))
        await self._enrol({machine.node_id for machine in self.machines})
        self.registry.start()
        self.deployer.start()
        for machine in self.machines:
            machine.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.clock.after_step = lambda: None
        for machine in self.machines:
            await machine.kill()
        await self.registry.stop()
        await self.deployer.stop()
        await self.broker.close()
        self._threads.stop()
        self.logs.close()

    async def _enrol(self, node_ids: set[str]) -> None:
        async with self.registry_store.begin() as transaction:
            await transaction.lock_nodes(node_ids)
        for node_id in node_ids:
            self.registry_store.enrol(node_id, named(sealing_key_of(NODES)).key)

    def dice(self, whose: str) -> SeededRandomness:
        """Dice of one part's own, so that they do not depend on who rolls first."""
        return SeededRandomness(crc32(f"{self.seed} {whose}".encode()))

    def add_machine(self, node_id: str, accounts: list[str]) -> Machine:
        """A machine whose agent is not started yet. Its accounts are members of the node's own chat."""
        place = len(self.machines)
        seed = crc32(f"{self.seed} machine {place}".encode())
        machine = Machine(node_id, accounts, self.broker, self.telegram, self.clock, seed, self._paces.get(place, 1.0))
        users = {account: 1000 * (place + 1) + each for each, account in enumerate(accounts)}
        for account, user in users.items():
            self.telegram.add_account(account, user)
        if self._vault:
            machine.sessions.files.clear()
        self.telegram.add_chat(self.chat(place), f"chat_{node_id}_{place}", GUEST, *users.values())
        self.machines.append(machine)
        return machine

    def chat(self, place: int) -> int:
        """The chat of a machine's accounts."""
        return -1000 - place

    async def run_for(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.run_for(seconds)
        self.registry.check()
        self.deployer.check()
        for machine in self.machines:
            machine.check()
        assert not self.telegram.violations, self.telegram.violations[:5]
        assert not self.broker.dead, self.broker.dead[:5]
        assert not self.logs.mistakes, self.logs.mistakes[:5]

    async def rounds(self, count: int) -> None:
        """Let everybody take a few steps, in no time: to somewhere in the middle of what they do."""
        for _ in range(count):
            await asyncio.sleep(0)

    async def until(self, problems: Callable[[], Awaitable[list[str]]], within: float) -> float:
        """Let time pass until there are no problems; how many seconds that took."""
        began = self.clock.monotonic()
        while remaining := await problems():
            assert self.clock.monotonic() - began < within, f"still after {within:g} s: {remaining[:5]}"
            await self.run_for(1.0)
        return self.clock.monotonic() - began

    def lease_left(self, node_id: str) -> float:
        """Seconds until the node's lease ends as the registry counts it."""
        times = self.registry_store._tables.times.get(node_id)
        if times is None or times.lease_until is None:
            return -1.0
        return (times.lease_until - self.clock.now()).total_seconds()

    async def node(self, node_id: str) -> NodeView:
        """What the registry shows of a node."""
        view = await self.registry_store.node(node_id)
        assert view is not None, f"the registry has not heard of {node_id}"
        return view

    async def accounts(self, node_id: str | None = None) -> list[AccountView]:
        """What the registry shows of accounts."""
        return await self.registry_store.accounts(AccountQuestion(node_id=node_id), AccountPlace(), 1000)

    def say(self, place: int, text: str) -> None:
        """A guest speaks in a machine's chat; a suspended machine hears it when it wakes."""
        machine = self.machines[place]
        if machine.clock.paused:
            machine.clock.on_resume.append(lambda: self.say(place, text))
        else:
            self.telegram.say(self.chat(place), GUEST, text)

    def database_away(self, error: Unavailable | None) -> None:
        """Take the registry's database away, or give it back."""
        self.registry_store.fail_with = error

    def account_rows(self) -> list[tuple[tuple[str, str], AccountRow]]:
        """The registry's rows of accounts, by node and account."""
        return list(self.registry_store._tables.accounts.items())

    def changes_of(self, node_id: str, ledger_id: str) -> set[int]:
        """The numbers of the account changes of a ledger that the registry has recorded."""
        keys = self.registry_store._tables.changes
        return {number for node, ledger, number in keys if (node, ledger) == (node_id, ledger_id)}

    async def push(self, source: str) -> None:
        """Push a script through the deployer's door."""
        headers = {"content-type": "application/yaml"}
        await self._post("/api/v1/group-ai/scripts", 201, content=source.encode(), headers=headers)

    async def deploy(self, script_id: str, *machines: Machine, **more: object) -> str:
        """Order the latest version for machines, by default for all, played by every account; the deployment's id."""
        node_ids = sorted({machine.node_id for machine in machines or self.machines})
        body = {"node_ids": node_ids, "bind": "all"} | more
        answer = await self._post(f"/api/v1/group-ai/script-deployment/deploy/{script_id}", 202, json=body)
        return str(answer["deployment_id"])

    async def order(self, script_id: str, node_ids: list[str], **rollout: object) -> str:
        """Order the latest version for nodes with a policy; the deployment's id."""
        return await self._order(script_id, {"node_ids": node_ids, "rollout": rollout})

    async def order_selected(self, script_id: str, selector: str, **rollout: object) -> str:
        """Order the latest version for the nodes of a selector with a policy; the deployment's id."""
        return await self._order(script_id, {"selector": selector, "rollout": rollout})

    async def _order(self, script_id: str, body: dict[str, object]) -> str:
        answer = await self._post(f"/api/v1/group-ai/script-deployment/deploy/{script_id}", 202, json=body)
        return str(answer["deployment_id"])

    async def steer(self, deployment_id: str, act: str, **body: object) -> None:
        """Pause, resume, abort … a deployment."""
        path = f"/api/v1/group-ai/script-deployment/deployments/{deployment_id}/{act}"
        await self._post(path, 200, **({"json": body} if body else {}))

    async def deployment(self, deployment_id: str) -> Deployment:
        """A deployment as it is now."""
        async with self.deployer_store.begin() as transaction:
            found = await transaction.deployments.one(deployment_id)
        assert found is not None
        return found

    async def deliveries(self) -> list[Delivery]:
        """Every delivery."""
        async with self.deployer_store.begin() as transaction:
            return await transaction.deliveries.lock(self.deployer_store._tables.deliveries, ())

    def endings(self) -> Counter[tuple[str, DeliveryState]]:
        """How often each delivery was announced to have entered each final state."""
        changes = (message for message in self.orders.everything if isinstance(message, DeliveryChanged))
        return Counter((change.delivery_id, change.state) for change in changes if change.state.final)

    async def drift(self) -> list[dict[str, Any]]:
        """What the deployer shows as drift; nothing while it is down."""
        if self.deployer.app is None:
            return []
        return list((await self._ask("GET", DRIFT, 200))["items"])

    async def settle(self, machine: Machine, script_id: str, how: str, status: int = 200) -> dict[str, Any]:
        """Adopt or overwrite what a machine has; the answer."""
        return await self._post(f"{DRIFT}/{machine.node_id}/{script_id}/{how}", status)

    async def assign(self, account_id: str, node_id: str, status: int = 202) -> None:
        """Order an account to a node."""
        path = f"/api/v1/group-ai/accounts/{account_id}/assignment"
        await self._ask("POST", path, status, of="registry", json={"node_id": node_id})

    async def upload(self, account_id: str) -> None:
        """Bring an account's login into the vault."""
        app = self.deployer.app
        assert isinstance(app, DeployerApp), "the deployer is down"
        (taken,) = await app._sessions.upload(Upload(f"{account_id}.session", login_of(account_id), account_id))
        assert isinstance(taken.outcome, Kept), taken

    async def assignment(self, account_id: str) -> AssignmentView:
        """Whose an account is."""
        found = await self.registry_store.assignment(account_id)
        assert found is not None, f"nobody has heard of {account_id}"
        return found

    async def _post(self, path: str, status: int, **request: Any) -> dict[str, Any]:
        return await self._ask("POST", path, status, **request)

    async def _ask(self, method: str, path: str, status: int, of: str = "deployer", **request: Any) -> dict[str, Any]:
        app = self.registry.app if of == "registry" else self.deployer.app
        assert isinstance(app, (DeployerApp, Registry)), f"the {of} is down"
        headers = {"authorization": f"Bearer {TOKEN}"} | request.pop("headers", {})
        transport = httpx.ASGITransport(app=app.api)
        async with httpx.AsyncClient(transport=transport, base_url="http://deployer") as client:
            response = await client.request(method, path, headers=headers, **request)
        assert response.status_code == status, response.text
        return dict(response.json())

    def _line(self, whose: str) -> Line:
        return Line(self.broker, self.clock, self.dice(f"{whose} at {self.clock.monotonic()}"))

    def _make_registry(self, line: Line) -> Registry:
        for queue in (names.heartbeats_queue(LEASE_SECONDS), names.registry_reports_queue()):
            self.broker.declare(queue)
        ports = RegistryPorts(
            store=self.registry_store,
            access=self.access,
            broker=self.logins,
            tokens=InMemoryTokens(self.clock),
            audit=InMemoryAuditLog("registry", self.clock),
            bus=line,
            mailbox=InMemoryMailbox(self.broker, self.clock, line.randomness),
            consumer=line.consumer,
            relay=lambda: self.facts.run(line),
            wake=self.facts.wake,
            timer=every(self.clock),
            close=_nothing,
            clock=self.clock,
            randomness=line.randomness,
        )
        settings = RegistrySettings(**NOWHERE, lease_seconds=LEASE_SECONDS, batch_linger_seconds=0)  # type: ignore[arg-type]
        return Registry(settings, ports)

    def _make_deployer(self, line: Line) -> DeployerApp:
        self.broker.declare(names.deployer_reports_queue())
        ports = DeployerPorts(
            store=self.deployer_store,
            audit=InMemoryAuditLog("deployer", self.clock),
            bus=line,
            mailbox=InMemoryMailbox(self.broker, self.clock, line.randomness),
            consumer=line.consumer,
            relay=self.orders.run,
            ping=_nothing,
            close=_nothing,
            ssh=InMemorySsh(),
            timer=every(self.clock),
            clock=self.clock,
            randomness=line.randomness,
            reader=PlainLogins(),
        )
        settings = DeployerSettings(
            **NOWHERE,  # type: ignore[arg-type]
            secret=SECRET,
            public_url="http://deployer",
            batch_linger_seconds=0,
        )
        return DeployerApp(settings, ports)


async def _nothing() -> None:
    """There is nothing to close, and nothing to ask."""
