"""Which user PostgreSQL runs as.

PostgreSQL refuses to run as root. As root we run it as `nobody`, who must nevertheless reach the checkout, its
`.venv` and the data wherever they lie, such as below /root with mode 700. Copying 60 MB of binaries to a public place
or loosening the modes of the operator's directories would be worse than this: `nobody` keeps one capability,
CAP_DAC_OVERRIDE, as an ambient one. Docker's default set contains it; user namespaces, the other way, are
forbidden there. So the server may read what its starter may: it is the starter's own private server.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

# `nobody` of every Linux. By number: the group's name differs between distributions.
NOBODY = 65534

_IDENTITY = ("--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")
# PostgreSQL looks for its own binary with access(2), which takes away the capabilities of a real user that is not
# root, unless the process has this secure bit.
_REACH = ("--securebits", "+no_setuid_fixup", "--inh-caps", "+dac_override", "--ambient-caps", "+dac_override")


@cache
def server_user_options() -> tuple[str, ...]:
    """The options of `setpriv` that make a user PostgreSQL accepts; none when we are not root."""
    if os.geteuid() != 0:
        return ()
    return (*_REACH, *_IDENTITY) if _works(*_REACH, *_IDENTITY) else _IDENTITY


def give_to_server_user(directory: Path) -> None:
    """PostgreSQL demands to own its data directory."""
    if os.geteuid() == 0:
        os.chown(directory, NOBODY, NOBODY)


def _works(*options: str) -> bool:
    """Some containers deny root these capabilities; then only places that anybody may enter can be used."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return False
    trial = subprocess.run([setpriv, *options, "true"], capture_output=True, timeout=10, check=False)  # noqa: S603
    return trial.returncode == 0
