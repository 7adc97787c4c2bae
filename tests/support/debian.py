"""Programs that tests need and a machine may lack: the distribution's package, where we may install it.

Debian or a descendant, as root; no service of the package is started. Elsewhere it is an error that says what to
install: no test is skipped for the want of a program.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from services.cli.embedded.rabbitmq_package import apt_is_there, no_service_starts

INSTALL_SECONDS = 900
_SEARCH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))


def program(name: str, *packages: str) -> str:
    """Where the program is, after installing the packages if need be. Raises RuntimeError that says what to install."""
    # Two sides of a test run must not install at the same time.
    with (Path(tempfile.gettempdir()) / f"callboard-tests-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = shutil.which(name, path=_SEARCH)
        if found is None and apt_is_there():
            _install(packages)
            found = shutil.which(name, path=_SEARCH)
    if found is None:
        raise RuntimeError(f"these tests need {name}: install the package {packages[0]}")
    return found


def _install(packages: tuple[str, ...]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with no_service_starts():
        for words in (("update",), ("install", "-y", "--no-install-recommends", *packages)):
            command = ("apt-get", "-o", "DPkg::Lock::Timeout=120", *words)
            ran = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
            )
            if ran.returncode:
                raise RuntimeError(f"{' '.join(command)} failed:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
