"""All resources of the API for one visitor."""

from services.console.clients.accounts import Accounts
from services.console.clients.api import Api
from services.console.clients.dead_letters import DeadLetters
from services.console.clients.deployments import Deployments
from services.console.clients.drift import Drifts
from services.console.clients.nodes import Nodes
from services.console.clients.scripts import Scripts
from services.console.clients.servers import Servers


class Fleet:
    """See the module's docstring."""

    def __init__(self, api: Api) -> None:
        self.accounts = Accounts(api)
        self.nodes = Nodes(api)
        self.scripts = Scripts(api)
        self.deployments = Deployments(api)
        self.drift = Drifts(api)
        self.servers = Servers(api)
        self.dead_letters = DeadLetters(api)
