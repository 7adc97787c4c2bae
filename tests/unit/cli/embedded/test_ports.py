"""Ports: the default when it can be had, another when not."""

import socket
from pathlib import Path

from services.cli.embedded.ports import LOOPBACK, free_port, is_free, port_or_free


def test_a_free_default_is_taken() -> None:
    """If this broke, the console would move to another port for no reason."""
    port = free_port()
    assert port_or_free(port) == port


def test_a_taken_default_gives_way() -> None:
    """If this broke, the stack would fail to start beside a server that holds the default port."""
    with socket.socket() as holder:
        holder.bind((LOOPBACK, 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert not is_free(taken)
        assert port_or_free(taken) != taken


def test_no_connection_takes_what_was_chosen() -> None:
    """One that Linux gives to connections may be taken before its server is there, and another stack answers on it."""
    first_of_connections = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found = {free_port() for _ in range(20)}
    assert max(found) < first_of_connections
    assert len(found) > 10  # two starts in the same second find others


def test_ports_promised_to_others_are_left_alone() -> None:
    """If this broke, two children of one stack could be given the same port."""
    port = free_port()
    assert port_or_free(port, frozenset({port})) != port
