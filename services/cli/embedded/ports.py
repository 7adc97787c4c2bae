"""TCP ports on the loopback interface.

A port is looked at, not reserved: between the answer and the server's own bind somebody else may take it. That
server then fails to start and says so; nothing is lost, and the next start chooses again.
"""

import errno
import random
import socket

LOOPBACK = "127.0.0.1"
# Below those that Linux gives to outgoing connections (from 32,768 on): one of them, or a server that lets the kernel
# choose, would take what was looked at in the seconds before its server is there.
CHOSEN = range(30_000, 32_768)


def port_or_free(default: int, taken: frozenset[int] = frozenset()) -> int:
    """The default if it is free and not in `taken`, otherwise a free one that is not in `taken`; 0 means any."""
    if default and default not in taken and is_free(default):
        return default
    return free_port(taken)


def free_port(taken: frozenset[int] = frozenset()) -> int:
    """A port that nobody listens on: any of CHOSEN, for two starts in the same second must not find the same one."""
    for port in random.sample(CHOSEN, len(CHOSEN)):
        if port not in taken and is_free(port):
            return port
    # Whoever has taken all of these has not taken all there are.
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    return obstacle(port) is None


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
