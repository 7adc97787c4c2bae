"""All resources of the API for one visitor."""

from services.console.clients.accounts import Accounts
from services.console.clients.api import Api
from services.console.clients.assignments import Assignments
from services.console.clients.audit import Audit
from services.console.clients.dead_letters import DeadLetters
from services.console.clients.deployments import Deployments
from services.console.clients.drift import Drifts
from services.console.clients.enrolments import Enrolments
from services.console.clients.keys import Keys
from services.console.clients.logins import Logins
from services.console.clients.nodes import Nodes
from services.console.clients.scripts import Scripts
from services.console.clients.servers import Servers
from services.console.clients.sessions import Sessions
from services.console.clients.tokens import Tokens


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
        self.assignments = Assignments(api)
        self.enrolments = Enrolments(api)
        self.sessions = Sessions(api)
        self.logins = Logins(api)
        self.keys = Keys(api)
        self.tokens = Tokens(api)
        self.audit = Audit(api)
