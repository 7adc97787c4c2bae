"""Installing a package must not start its service, and must leave the machine's policy as it was."""

from pathlib import Path

import pytest

from services.cli.embedded.rabbitmq_package import no_service_starts


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """Where the policy of a machine whose root is `tmp_path` lies."""
    path = tmp_path / "usr" / "sbin" / "policy-rc.d"
    path.parent.mkdir(parents=True)
    return path


def test_services_are_forbidden_while_installing(tmp_path: Path, policy: Path) -> None:
    """If this broke, a system RabbitMQ would start and take the default ports."""
    with no_service_starts(tmp_path):
        assert policy.read_text().endswith("exit 101\n")
        assert policy.stat().st_mode & 0o777 == 0o755
    assert not policy.exists()


def test_a_failed_install_takes_the_policy_away_again(tmp_path: Path, policy: Path) -> None:
    """If this broke, no service of the machine could be started by a package ever again."""
    with pytest.raises(RuntimeError), no_service_starts(tmp_path):
        raise RuntimeError
    assert not policy.exists()


def test_the_owners_policy_is_left_alone(tmp_path: Path, policy: Path) -> None:
    """If this broke, we would overwrite or remove a policy that is not ours."""
    policy.write_text("#!/bin/sh\nexit 0\n")
    with no_service_starts(tmp_path):
        assert "exit 0" in policy.read_text()
    assert policy.exists()
