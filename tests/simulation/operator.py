"""What an operator does with a simulated fleet, and what is shown to one.

Scripts go through the deployer's HTTP door. Orders that move accounts are given to the use cases behind the doors: a
fleet is given thousands of them.
"""

from collections import Counter
from typing import Any

import httpx

from services.deployer.app import DeployerApp
from services.deployer.domain.deliveries import Delivery
from services.deployer.domain.deployments import Deployment
from services.deployer.use_cases.keep_version import Kept
from services.deployer.use_cases.store_sessions import Upload
from services.node_agent.telegram.in_memory import login_of
from services.registry.app import Registry
from services.registry.domain.assignments import Unassignable
from services.registry.domain.views import AccountPlace, AccountQuestion, AccountView, AssignmentView, NodeView
from shared.contracts.deployments import DeliveryChanged, DeliveryState
from tests.simulation.ground import TOKEN, Ground
from tests.simulation.machines import Machine
from tests.simulation.timing import Timing

DRIFT = "/api/v1/group-ai/script-deployment/drift"


class Operated(Ground):
    """See the module's docstring."""

    def __init__(self, seed: int, timing: Timing, *, moves_only: bool) -> None:
        super().__init__(seed, timing, moves_only=moves_only)
        self.machines: list[Machine] = []

    async def node(self, node_id: str) -> NodeView:
        """What the registry shows of a node."""
        view = await self.registry_store.node(node_id)
        assert view is not None, f"the registry has not heard of {node_id}"
        return view

    async def accounts(self, node_id: str | None = None) -> list[AccountView]:
        """What the registry shows of accounts."""
        return await self.registry_store.accounts(AccountQuestion(node_id=node_id), AccountPlace(), 1000)

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

    async def assign(self, account_id: str, node_id: str | None) -> bool:
        """Order an account to a node, or to none; whether the registry takes the order."""
        app = self.registry.app
        assert isinstance(app, Registry), "the registry is down"
        return not isinstance(await app._order(account_id, node_id), Unassignable)

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

    async def _ask(self, method: str, path: str, status: int, **request: Any) -> dict[str, Any]:
        app = self.deployer.app
        assert isinstance(app, DeployerApp), "the deployer is down"
        headers = {"authorization": f"Bearer {TOKEN}"} | request.pop("headers", {})
        transport = httpx.ASGITransport(app=app.api)
        async with httpx.AsyncClient(transport=transport, base_url="http://deployer") as client:
            response = await client.request(method, path, headers=headers, **request)
        assert response.status_code == status, response.text
        return dict(response.json())
