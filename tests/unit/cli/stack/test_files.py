"""The lock of a home, and the world that the demo asks for."""

from pathlib import Path

import pytest

from services.cli.failures import CommandFailed, ExitCode
from services.cli.stack.demo_world import demo_logins, demo_seed
from services.cli.stack.lock import only_stack_of


def test_a_second_stack_on_one_home_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """If this broke, two stacks would write into the same databases."""
    lock = tmp_path / "up.lock"
    with (
        only_stack_of(lock),
        pytest.raises(CommandFailed, match=r"already up in .* \(process \d+\)"),
        only_stack_of(lock),
    ):
        pass
    with only_stack_of(lock):
        pass


@pytest.mark.parametrize("place", ["notes.txt", "notes.txt/below"])
def test_a_home_that_cannot_be_is_the_operators_slip(tmp_path: Path, place: str) -> None:
    """If this broke, `--home notes.txt` would be called a fault of Callboard."""
    (tmp_path / "notes.txt").write_text("a file")
    with (
        pytest.raises(CommandFailed, match=r"cannot be Callboard's home: .*--home") as failed,
        only_stack_of(tmp_path / place / "up.lock"),
    ):
        pass
    assert failed.value.code is ExitCode.USAGE


def test_the_demo_world_has_three_accounts_for_each_node() -> None:
    """If this broke, the demo would show fewer accounts than it promises, or none in the chat."""
    seed = demo_seed(["demo-a", "demo-b"])
    assert [(row["prefix"], row["count"]) for row in seed["accounts"]] == [("demo_a", 3), ("demo_b", 3)]
    assert all(row["chats"] == [seed["chats"][0]["username"]] for row in seed["accounts"])


def test_each_login_of_the_world_knows_its_node() -> None:
    """If this broke, an account would be assigned to a node that the demo says is another's."""
    given = [
        {"username": name, "session_file": "bG9naW4="} for name in ("demo_a_1", "demo_b_3", "guest_demo", "somebody")
    ]
    found = demo_logins(["demo-a", "demo-b"], given)
    assert [(login.account_id, login.node_id) for login in found] == [("demo_a_1", "demo-a"), ("demo_b_3", "demo-b")]
    assert found[0].session == b"login"
    assert "login'" not in repr(found[0])
