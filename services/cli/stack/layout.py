"""Where things lie: the state of a stack below its home, and the project that the children are run from.

Pure: paths only, nothing is made here.
"""

from dataclasses import dataclass
from pathlib import Path

from services.cli.connection_file import FILE

PROJECT = Path(__file__).resolve().parents[3]
"""The directory that holds `services` and `shared`."""


@dataclass(frozen=True, slots=True)
class Home:
    """`.callboard/`, or what CALLBOARD_HOME names."""

    path: Path

    @property
    def postgres(self) -> Path:
        """PostgreSQL's directory."""
        return self.path / "postgres"

    @property
    def rabbitmq(self) -> Path:
        """RabbitMQ's directory."""
        return self.path / "rabbitmq"

    @property
    def sandbox(self) -> Path:
        """The Telegram sandbox's state."""
        return self.path / "sandbox"

    @property
    def sandbox_key(self) -> Path:
        """The sandbox's public key, which agents are told to trust."""
        return self.sandbox / "public-key.pem"

    @property
    def connection(self) -> Path:
        """Where the CLI finds the URL and the token."""
        return self.path / FILE

    @property
    def lock(self) -> Path:
        """Held by the running stack."""
        return self.path / "up.lock"

    @property
    def download_secret(self) -> Path:
        """What the deployer signs download URLs with."""
        return self.path / "deployer" / "secret"

    def log(self, child: str) -> Path:
        """A child's log file."""
        return self.path / "logs" / f"{child}.log"

    def agent(self, node_id: str) -> Path:
        """An agent's directory."""
        return self.path / "agents" / node_id

    def state(self, node_id: str) -> Path:
        """An agent's state."""
        return self.agent(node_id) / "state"

    def identity(self, node_id: str) -> Path:
        """What makes an agent's directory a node's."""
        return self.state(node_id) / "identity.json"

    def sessions(self, node_id: str) -> Path:
        """An agent's session files; the demo has none, its logins are in the vault."""
        return self.agent(node_id) / "sessions"
