"""Ports: the default when it can be had, another when not, and each for one Callboard only."""

import socket
import subprocess
import sys
from pathlib import Path

from services.cli.embedded.ports import LOOPBACK, free_port, give_back, obstacle, port_or_free, take
from tests.support import ports

TAKES = "import sys; from services.cli.embedded.ports import take; print(take(int(sys.argv[1])), flush=True); input()"
PROMISED = "is promised to another Callboard"


def test_a_free_default_is_taken() -> None:
    """If this broke, the console would move to another port for no reason."""
    port = ports.free_port()
    assert port_or_free(port) == port


def test_a_taken_default_gives_way() -> None:
    """If this broke, the stack would fail to start beside a server that holds the default port."""
    with socket.socket() as holder:
        holder.bind((LOOPBACK, 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert obstacle(taken) == "is taken by another program"
        assert port_or_free(taken) != taken


def test_no_connection_takes_what_was_chosen() -> None:
    """One that Linux gives to connections may be taken before its server is there, and another stack answers on it."""
    first_of_connections = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found = {free_port() for _ in range(20)}
    assert max(found) < first_of_connections
    assert len(found) == 20


def test_what_was_chosen_once_is_not_chosen_again() -> None:
    """If this broke, two children of one stack could be given the same port."""
    port = free_port()
    assert take(port) == PROMISED
    assert port_or_free(port) != port
    give_back(port)
    assert port_or_free(port) == port


def test_a_port_is_for_one_callboard_until_that_ends() -> None:
    """Two that start in the same second would find the same ports free, and one would answer for the other."""
    port = ports.free_port()
    words = [sys.executable, "-c", TAKES, str(port)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "None\n"
        assert obstacle(port) is None
        assert take(port) == PROMISED
        other.kill()
    assert take(port) is None
