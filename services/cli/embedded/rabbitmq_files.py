"""The files, environment and arguments of a private RabbitMQ; for 3.10 to 4.x.

Everything that RabbitMQ would look for in /etc, /var or the home directory is pointed into our directory, so that a
server that the distribution installed is neither used nor disturbed. Erlang's own port mapper (epmd) gets a private
port: a node registers there, and with the default one every RabbitMQ of the machine would meet.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from services.cli.embedded.ports import LOOPBACK
from services.cli.kept import kept_secret, private_directory, write_private

USER = "callboard"
# The data belong to the node's name. Private port mappers make one name enough for all.
NODE = "callboard@localhost"


@dataclass(frozen=True, slots=True)
class BrokerPorts:
    """Loopback ports: AMQP, management console, Erlang's distribution and its port mapper."""

    amqp: int
    management: int
    distribution: int
    epmd: int


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """Where everything of one private RabbitMQ lies."""

    directory: Path

    @property
    def data(self) -> Path:
        """Queues, users, topology: what `erase` removes."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """The server's output."""
        return self.directory / "rabbitmq.log"

    @property
    def epmd_log(self) -> Path:
        """The port mapper's output."""
        return self.directory / "epmd.log"

    def password(self) -> str:
        """Of the user `callboard`, who may do everything."""
        return kept_secret(self.directory / "password")

    def write(self, ports: BrokerPorts) -> None:
        """Write the configuration; called before every start, for the ports may have changed."""
        private_directory(self.data)
        write_private(self.directory / "rabbitmq.conf", _configuration(ports, self.password()))
        write_private(self.directory / "enabled_plugins", "[rabbitmq_management].\n")
        self._write_cookie()

    def environment(self, ports: BrokerPorts) -> dict[str, str]:
        """Of the server; nothing else is inherited but PATH."""
        here = self.directory
        return epmd_environment(ports.epmd) | {
            # Erlang looks for its cookie here.
            "HOME": str(here),
            "LANG": "C.UTF-8",
            # Erlang would start a port mapper in the background that outlives it, both for the node itself and
            # for the short-lived node with which RabbitMQ makes sure that there is one. Ours is there already.
            "ERL_AFLAGS": "-start_epmd false",
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_DIST_PORT": str(ports.distribution),
            # With "input allowed" the start script becomes the server instead of waiting for it as a shell: the
            # pid that we own is Erlang's. -noinput below takes the shell away again.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG_ARGUMENTS,
            "RABBITMQ_CONF_ENV_FILE": str(here / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(here / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(here / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(here / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(here / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.data),
            "RABBITMQ_MNESIA_DIR": str(self.data / "node"),
            "RABBITMQ_PID_FILE": str(self.data / "node.pid"),
            "RABBITMQ_LOG_BASE": str(here / "log"),
            "RABBITMQ_LOGS": "-",
        }

    def _write_cookie(self) -> None:
        """Erlang refuses a cookie that others can read."""
        cookie = self.directory / ".erlang.cookie"
        if not cookie.exists():
            write_private(cookie, kept_secret(self.directory / "cookie"), mode=0o400)


def epmd_environment(port: int) -> dict[str, str]:
    """Where the private port mapper listens, for itself and for those who ask it."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "ERL_EPMD_PORT": str(port), "ERL_EPMD_ADDRESS": LOOPBACK}


# +S 2:2: two schedulers do for a demo on any machine and need less memory than one for every core.
# +sbwt…: starting is loading some two thousand modules, with a hand-over between threads for each file. When a
# thread spins a moment before it sleeps (RabbitMQ turns that off), a start takes 3.5–4.5 s instead of 6–7 s, measured
# with 3.10 on two cores; an idle server costs the same.
_ERLANG_ARGUMENTS = "-noinput +S 2:2 +sbwt very_short +sbwtdio very_short -kernel inet_dist_use_interface {127,0,0,1}"


def _configuration(ports: BrokerPorts, password: str) -> str:
    """`default_user` counts only while the data directory is empty."""
    return f"""\
# Written by Callboard before every start; changes are lost.
listeners.tcp.1 = {LOOPBACK}:{ports.amqp}
management.tcp.ip = {LOOPBACK}
management.tcp.port = {ports.management}
default_user = {USER}
default_pass = {password}
log.console = true
log.console.level = info
log.file = false
# Quorum queues keep a write-ahead log in memory up to this size; the default is 512 MB.
raft.wal_max_size_bytes = 33554432
"""
