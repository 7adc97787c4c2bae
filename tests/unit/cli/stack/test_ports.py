"""Which ports a stack gets, and what is said about the console's."""

import socket
from collections.abc import Iterator

import pytest

from services.cli.embedded.ports import LOOPBACK
from services.cli.failures import CommandFailed
from services.cli.stack import run
from services.cli.stack.events import Event, Said
from services.cli.stack.options import StackOptions
from services.cli.stack.run import find_ports
from tests.support.ports import free_port


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as holder:
        holder.bind((LOOPBACK, 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_port_that_was_asked_for_is_that_port_or_none(taken: int) -> None:
    """If this broke, the console would move silently, and whoever waits for it there would wait for ever."""
    told: list[Event] = []
    wanted = free_port()
    assert find_ports(StackOptions(console_port=wanted), told.append).console == wanted
    with pytest.raises(CommandFailed, match=rf"port {taken}, which --port asks for, is taken by another program: "):
        find_ports(StackOptions(console_port=taken), told.append)
    assert told == []


def test_the_usual_port_gives_way_and_that_is_said(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this broke, a second stack could not start, or its console would be looked for at the first one's port."""
    told: list[Event] = []
    monkeypatch.setattr(run, "USUAL_PORT", taken)
    port = find_ports(StackOptions(), told.append).console
    assert port != taken
    assert told == [Said(f"Port {taken} is taken by another program: the console gets port {port}")]


def test_no_part_gets_the_port_that_was_asked_for_the_console() -> None:
    """If this broke, `--port 5432` would be given to PostgreSQL as well, and one of the two could not start."""
    wanted = free_port()
    ports = find_ports(StackOptions(console_port=wanted), lambda event: None)
    others = (ports.postgres, ports.amqp, ports.management, ports.registry, ports.deployer, ports.sandbox)
    assert wanted not in others
    assert len({wanted, *others, ports.sandbox_admin}) == 8
