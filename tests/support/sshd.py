"""Debian's OpenSSH server on a loopback port, as a private child with its own configuration, host keys and user keys.

Where the program is missing and we may install it (Debian or a descendant, as root), the distribution's package is
installed without its system service, as the broker is. Otherwise it is an error that says what to install: no test is
skipped for the want of a server.
"""

import asyncio
import getpass
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from services.cli.embedded.process import Command, OwnedProcess
from tests.support.debian import program
from tests.support.ports import free_port
from tests.support.waiting import until

PACKAGE = "openssh-server"

_CONFIGURATION = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {host_key}
PidFile none
AuthorizedKeysFile {authorized_keys}
StrictModes no
UsePAM no
PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin yes
PrintMotd no
LogLevel VERBOSE
MaxStartups 100
MaxSessions 50
Subsystem sftp internal-sftp
# A test must not put units among those of the user who runs it.
SetEnv CALLBOARD_AGENT_WAY=process
"""


def sshd_program() -> str:
    """Where sshd is, after installing it if need be. Raises RuntimeError that says what to install."""
    return program("sshd", PACKAGE)


@dataclass
class Sshd:
    """An sshd in `home`. `user_key` is let in, as the user that runs the tests."""

    home: Path
    port: int = field(default_factory=free_port)
    user: str = field(default_factory=getpass.getuser)
    user_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    _process: OwnedProcess | None = None

    @property
    def private_key(self) -> str:
        """The key that is let in, as a file has it."""
        return self.user_key.export_private_key().decode()

    @property
    def fingerprint(self) -> str:
        """Of the host key."""
        return asyncssh.read_public_key(self.home / "host_key.pub").get_fingerprint()

    @property
    def log(self) -> str:
        """What the server said."""
        return (self.home / "sshd.log").read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int | None:
        """Of the server that listens."""
        return self._process.pid if self._process else None

    def new_host_key(self) -> None:
        """Give the server another host key; it shows it after its next start."""
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(self.home / "host_key")
        (self.home / "host_key").chmod(0o600)
        key.write_public_key(self.home / "host_key.pub")

    async def start(self) -> None:
        """Start it and wait until it listens."""
        program = await asyncio.to_thread(sshd_program)
        if os.geteuid() == 0:
            # The service's unit would make it; sshd gives up its privileges there.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        configuration = self.home / "sshd_config"
        configuration.write_text(
            _CONFIGURATION.format(
                port=self.port, host_key=self.home / "host_key", authorized_keys=self.home / "authorized_keys"
            )
        )
        argv = (program, "-D", "-e", "-f", str(configuration))
        self._process = process = OwnedProcess(Command(argv, dict(os.environ), self.home / "sshd.log"))
        await process.start()

        async def listens() -> bool:
            assert process.running, f"sshd ended:\n{process.log_tail()}"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                return False
            writer.close()
            await writer.wait_closed()
            return True

        await until(listens, "sshd listens")

    async def stop(self) -> None:
        """End it with every session."""
        if self._process is not None:
            await self._process.kill()


@asynccontextmanager
async def running_sshd(home: Path) -> AsyncIterator[Sshd]:
    """An sshd with new keys, for the length of the context."""
    home.mkdir(parents=True, exist_ok=True)
    server = Sshd(home)
    server.new_host_key()
    (home / "authorized_keys").write_bytes(server.user_key.export_public_key())
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
