"""The distribution's package `rabbitmq-server`, installed without its system service.

The last way to a RabbitMQ, for Debian and Ubuntu as root. Debian asks `/usr/sbin/policy-rc.d` before a package
starts a service: ours answers "forbidden" (101) while we install and is taken away again, also when we fail. One that
exists is the machine owner's and stays untouched; if it permits services, so be it.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from services.cli.embedded.errors import StartFailed
from services.cli.embedded.process import Command, OwnedProcess

PACKAGE = "rabbitmq-server"
INSTALL_SECONDS = 900.0

_POLICY = """\
#!/bin/sh
# Callboard is installing a package and wants none of its services started. Removed in a moment.
exit 101
"""


def apt_is_there(root: Path = Path("/")) -> bool:
    """Whether this is Debian or a descendant of it, and we may install."""
    return os.geteuid() == 0 and (root / "etc/debian_version").exists() and shutil.which("apt-get") is not None


@contextmanager
def no_service_starts(root: Path = Path("/")) -> Iterator[None]:
    """While this holds, packages start no services."""
    policy = root / "usr/sbin/policy-rc.d"
    try:
        descriptor = os.open(policy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755)
    except FileExistsError:
        yield
        return
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(_POLICY)
    # The umask may have taken the execute bit for others; ours is what Debian's scripts need.
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


async def install_rabbitmq_server(directory: Path, say: Callable[[str], None]) -> None:
    """Install the package, saying so first. Raises StartFailed with apt's last words."""
    say(f"Installing the distribution's package {PACKAGE} with apt-get; its system service is not started")
    with no_service_starts():
        await _apt(directory, "update")
        await _apt(directory, "install", "-y", "--no-install-recommends", PACKAGE)
    await _disable_service(directory)


async def _apt(directory: Path, *arguments: str) -> None:
    # Another apt may be at work, such as the nightly upgrade: wait for it rather than fail.
    command = ("apt-get", "-o", "DPkg::Lock::Timeout=120", *arguments)
    await _run(directory, command, f"apt-get {arguments[0]} failed; see the lines below, or install {PACKAGE} yourself")


async def _disable_service(directory: Path) -> None:
    """Under systemd the package would be started at the next boot, though nobody asked for a system service."""
    if _under_systemd():
        command = ("systemctl", "disable", "--quiet", f"{PACKAGE}.service")
        await _run(directory, command, f"systemctl disable {PACKAGE} failed")


def _under_systemd() -> bool:
    return Path("/run/systemd/system").exists()


async def _run(directory: Path, argv: tuple[str, ...], complaint: str) -> None:
    env = dict(os.environ) | {"DEBIAN_FRONTEND": "noninteractive"}
    process = OwnedProcess(Command(argv, env, directory / "install.log"))
    await process.start()
    try:
        status = await process.wait_at_most(INSTALL_SECONDS)
    except TimeoutError:
        raise StartFailed(f"{argv[0]} took longer than {INSTALL_SECONDS:.0f} s", process.log_tail()) from None
    if status != 0:
        raise StartFailed(complaint, process.log_tail())
