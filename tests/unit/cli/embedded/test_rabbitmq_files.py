"""The configuration of a private RabbitMQ."""

from pathlib import Path

from services.cli.embedded.rabbitmq_files import BrokerFiles, BrokerPorts

PORTS = BrokerPorts(amqp=1001, management=1002, distribution=1003, epmd=1004)


def test_everything_listens_on_loopback_with_our_own_login(tmp_path: Path) -> None:
    """If this broke, a demo's broker could be reached from the network or by guest/guest."""
    files = BrokerFiles(tmp_path)
    files.write(PORTS)
    configuration = (tmp_path / "rabbitmq.conf").read_text()
    assert "listeners.tcp.1 = 127.0.0.1:1001" in configuration
    assert "management.tcp.ip = 127.0.0.1" in configuration
    assert f"default_pass = {files.password()}" in configuration
    environment = files.environment(PORTS)
    assert "inet_dist_use_interface {127,0,0,1}" in environment["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]
    assert environment["ERL_EPMD_ADDRESS"] == "127.0.0.1"


def test_the_machines_own_rabbitmq_is_not_touched(tmp_path: Path) -> None:
    """If this broke, we would read or write the files of a server that the distribution installed."""
    environment = BrokerFiles(tmp_path).environment(PORTS)
    places = [value for name, value in environment.items() if name.endswith(("_FILE", "_BASE", "_DIR", "HOME"))]
    assert len(places) >= 8
    assert all(value.startswith(str(tmp_path)) for value in places)


def test_a_second_write_keeps_cookie_and_password(tmp_path: Path) -> None:
    """If this broke, a restart on other ports could not open the data of the last one."""
    files = BrokerFiles(tmp_path)
    files.write(PORTS)
    cookie, password = (tmp_path / ".erlang.cookie").read_text(), files.password()
    files.write(PORTS)
    assert ((tmp_path / ".erlang.cookie").read_text(), files.password()) == (cookie, password)
    assert (tmp_path / ".erlang.cookie").stat().st_mode & 0o777 == 0o400
