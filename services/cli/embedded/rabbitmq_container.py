"""RabbitMQ in a container, where the machine has a Docker engine and no `rabbitmq-server`.

The container belongs to a `docker run` in the foreground, which is our child like any other: it passes SIGTERM on
to the server, and the kernel sends it SIGTERM when we die, so that even a SIGKILL of ours stops the container.
Name, label and volume are made from our directory's path; a container that was left behind is removed at the start.
The ports are published on loopback only.
"""

import asyncio
import hashlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from services.cli.connection_file import Management
from services.cli.embedded.broker import broker_did_not_start
from services.cli.embedded.errors import StartFailed
from services.cli.embedded.ports import LOOPBACK
from services.cli.embedded.process import Command, OwnedProcess
from services.cli.embedded.rabbitmq_files import USER
from services.cli.embedded.waiting import broker_answers, until
from services.cli.kept import kept_secret

IMAGE = "rabbitmq:4-management"
LABEL = "callboard.directory"
START_SECONDS = 120.0
PULL_SECONDS = 900.0
ENGINE_SECONDS = 60.0
STOP_SECONDS = 15.0


async def engine_answers() -> bool:
    """Whether there is a Docker engine that we may use."""
    if shutil.which("docker") is None:
        return False
    try:
        status, _ = await _docker("version", "--format", "{{.Server.Version}}", deadline_seconds=10)
    except StartFailed:
        return False
    return status == 0


class ContainerRabbitMQ:
    """See the module's docstring. `url` and `management` hold before the start and across restarts."""

    def __init__(
        self, directory: Path, *, port: int, management_port: int, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.port, self.management_port = port, management_port
        self._directory = directory.resolve()
        self._say = say
        self._name = "callboard-rabbitmq-" + hashlib.sha256(str(self._directory).encode()).hexdigest()[:10]
        self._process = OwnedProcess(self._command())

    @property
    def origin(self) -> str:
        """See Broker."""
        return f"a container of {IMAGE}"

    @property
    def name(self) -> str:
        """The container's name, which is also its volume's."""
        return self._name

    @property
    def url(self) -> str:
        """See Broker."""
        return f"amqp://{USER}:{self._password()}@{LOOPBACK}:{self.port}/"

    @property
    def management(self) -> Management:
        """See Broker."""
        return Management(f"http://{LOOPBACK}:{self.management_port}", USER, self._password())

    @property
    def owned(self) -> bool:
        """See Broker."""
        return True

    @property
    def erased_with(self) -> str | None:
        """See Broker."""
        return f"docker volume rm {self._name}"

    async def start(self) -> None:
        """See Broker. Fetches the image first, if it is not there."""
        await self._fetch_image()
        await self._remove_container()
        try:
            await self._process.start()
            if not await until(self.answers, START_SECONDS, lambda: not self._process.running):
                raise broker_did_not_start(self, self.port, self._process)
        except BaseException:
            await self.kill()
            raise

    async def stop(self, deadline_seconds: float = STOP_SECONDS) -> None:
        """See Broker."""
        if self._process.pid is not None:
            await self._process.stop(deadline_seconds)
            await self._remove_container()

    async def kill(self) -> None:
        """See Broker."""
        await self._remove_container()
        await self._process.kill()

    async def erase(self) -> None:
        """See Broker. The login stays the same."""
        await self.stop()
        await _docker("volume", "rm", "--force", self._name)

    async def answers(self) -> bool:
        """See Broker."""
        return await broker_answers(self.management, self.port)

    async def wait(self) -> int:
        """See Broker."""
        return await self._process.wait()

    def _password(self) -> str:
        return kept_secret(self._directory / "password")

    def _command(self) -> Command:
        arguments = ["run", "--rm", "--name", self._name, "--label", f"{LABEL}={self._directory}"]
        # The data belong to the node's name, which is made from the host's.
        arguments += ["--hostname", "callboard", "--volume", f"{self._name}:/var/lib/rabbitmq"]
        arguments += ["--publish", f"{LOOPBACK}:{self.port}:5672"]
        arguments += ["--publish", f"{LOOPBACK}:{self.management_port}:15672"]
        # Named here and valued in the client's environment: arguments can be read by everybody on the machine.
        arguments += ["--env", "RABBITMQ_DEFAULT_USER", "--env", "RABBITMQ_DEFAULT_PASS", IMAGE]
        login = {"RABBITMQ_DEFAULT_USER": USER, "RABBITMQ_DEFAULT_PASS": self._password()}
        return Command(
            argv=("docker", *arguments),
            env=_client_environment() | login,
            log=self._directory / "rabbitmq.log",
            death_signal=signal.SIGTERM,
        )

    async def _fetch_image(self) -> None:
        status, _ = await _docker("image", "inspect", "--format", "{{.Id}}", IMAGE)
        if status == 0:
            return
        self._say(f"Fetching the image {IMAGE}")
        status, output = await _docker("pull", "--quiet", IMAGE, deadline_seconds=PULL_SECONDS)
        if status != 0:
            raise StartFailed(f"the image {IMAGE} cannot be fetched", output)

    async def _remove_container(self) -> None:
        """By force, and wait until it is gone: --rm removes it in the background."""

        async def gone() -> bool:
            await _docker("rm", "--force", self._name)
            status, _ = await _docker("container", "inspect", "--format", "{{.Id}}", self._name)
            return status != 0

        if not await until(gone, ENGINE_SECONDS):
            raise StartFailed(f"the container {self._name} cannot be removed; try docker rm --force {self._name}")


async def _docker(*arguments: str, deadline_seconds: float = ENGINE_SECONDS) -> tuple[int, str]:
    """Run the client: its exit status and everything it said."""
    process = await asyncio.create_subprocess_exec(
        "docker",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(deadline_seconds):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise StartFailed(f"docker {arguments[0]} did not answer within {deadline_seconds:.0f} s") from None
    return process.returncode or 0, output.decode(errors="replace")


def _client_environment() -> dict[str, str]:
    """What the client needs to find its engine and its configuration."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "HOME", "XDG_RUNTIME_DIR") or name.startswith("DOCKER_")
    }
