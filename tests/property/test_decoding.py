"""Bytes that were never meant to be a message."""

from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.decoding import Unreadable, decode
from tests.unit.shared.test_decoding import COMMANDS


@given(st.binary(max_size=300), st.one_of(st.none(), st.text(max_size=40)), st.text(max_size=40))
def test_no_bytes_raise(body: bytes, type_name: str | None, routing_key: str) -> None:
    """One hostile message would otherwise stop the consumer for all."""
    outcome = decode(body, type_name=type_name, routing_key=routing_key, accepted=COMMANDS)
    assert isinstance(outcome, (Unreadable, *COMMANDS))
