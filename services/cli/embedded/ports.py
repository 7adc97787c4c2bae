"""TCP ports on the loopback interface, chosen for servers that are about to start.

What is chosen here is promised: the process holds a name for it, which the kernel gives to one process at a time and
takes back with its end. So no two Callboards choose the same port, also when both start in the same second. Other
programs know nothing of it: one of them may take the port before its server is there. That server then fails to start
and says so; nothing is lost, and the next start chooses again.
"""

import errno
import random
import socket

LOOPBACK = "127.0.0.1"
# Below those that Linux gives to outgoing connections (from 32,768 on): one of them, or a server that lets the kernel
# choose, would take what was looked at in the seconds before its server is there.
CHOSEN = range(30_000, 32_768)

# Sockets without a file: their names are of the same network namespace as the ports.
_promises: dict[int, socket.socket] = {}


def take(port: int) -> str | None:
    """Choose this port. None when it is this process's now; else why it cannot be had, as what the port does."""
    reason = obstacle(port)
    if reason is None and not _promised_now(port):
        return "is promised to another Callboard"
    return reason


def port_or_free(default: int) -> int:
    """The default if it can be had, otherwise a free one."""
    return default if take(default) is None else free_port()


def free_port() -> int:
    """A port that nobody listens on and no Callboard has chosen."""
    for port in random.sample(CHOSEN, len(CHOSEN)):
        if take(port) is None:
            return port
    # Whoever has taken all of these has not taken all there are.
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if take(port) is None:
            return port


def give_back(port: int) -> None:
    """Others may choose it again."""
    held = _promises.pop(port, None)
    if held is not None:
        held.close()


def obstacle(port: int) -> str | None:
    """Why a server could not listen on this port now, as what the port does; None when it could."""
    with socket.socket() as probe:
        # As servers do: connections of the last run that linger in TIME_WAIT do not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            match error.errno:
                case errno.EADDRINUSE:
                    return "is taken by another program"
                case errno.EACCES:
                    return "may be used by root only"
                case _:
                    return f"cannot be used ({error.strerror})"
    return None


def _promised_now(port: int) -> bool:
    promise = socket.socket(socket.AF_UNIX)
    try:
        promise.bind(f"\0callboard/port/{port}")
    except OSError as error:
        promise.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    _promises[port] = promise
    return True
