"""What a line typed in the chat means."""

import pytest

from services.cli.chat.orders import ORDERS, Message, NoOrder, Order, help_lines, read_line


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("hello", "hello"),
        ("/price tea ", "/price tea"),
        ("  ", ""),
        (":)", ":)"),
        (":D", ":D"),
        ("::wait 3s", ":wait 3s"),
    ],
)
def test_a_guest_may_say_anything(line: str, text: str) -> None:
    """A command of the script, or a smile, must not be taken for an order to the rehearsal."""
    assert read_line(line) == Message(text)


@pytest.mark.parametrize(
    ("line", "order"),
    [
        (":why", Order("why", "")),
        (":as Mei Lin", Order("as", "Mei Lin")),
        (":mention  help!", Order("mention", "help!")),
    ],
)
def test_orders(line: str, order: Order) -> None:
    """What follows an order belongs to it."""
    assert read_line(line) == order


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (":wiat 3s", "did you mean 'wait'?"),
        (":wiat 3s", "to say it to the account, write ::wiat 3s"),
        (":quit now", ":quit stands alone"),
        (":as", "say :as NAME"),
    ],
)
def test_what_is_no_order_is_told(line: str, says: str) -> None:
    """A mistyped order that is said to the account looks like a script that does not answer."""
    read = read_line(line)
    assert isinstance(read, NoOrder) and says in read.why


def test_help_has_every_order() -> None:
    """What help does not show does not exist."""
    shown = "\n".join(help_lines())
    assert all(f":{order}" in shown for order in ORDERS)
