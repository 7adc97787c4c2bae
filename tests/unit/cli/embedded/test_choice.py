"""The order in which a RabbitMQ is looked for."""

from pathlib import Path

import pytest

from services.cli.embedded.choice import (
    ADVICE,
    FromPackage,
    Given,
    InContainer,
    Machine,
    Nowhere,
    OnMachine,
    Route,
    pick_route,
)

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


@pytest.mark.parametrize(
    ("machine", "route"),
    [
        (Machine("amqp://there", SERVER, has_engine=True, has_apt=True), Given("amqp://there")),
        (Machine(None, SERVER, has_engine=True, has_apt=True), OnMachine(SERVER)),
        (Machine(None, None, has_engine=True, has_apt=True), InContainer()),
        (Machine(None, None, has_engine=False, has_apt=True), FromPackage()),
        (Machine(None, None, has_engine=False, has_apt=False), Nowhere(ADVICE)),
        (Machine("", None, has_engine=False, has_apt=False), Nowhere(ADVICE)),
    ],
)
def test_the_first_way_that_exists_is_taken(machine: Machine, route: Route) -> None:
    """If this broke, a package could be installed although a server, an engine or a URL is there."""
    assert pick_route(machine) == route
