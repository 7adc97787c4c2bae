"""Sealed logins open for one node and one purpose only."""

import pytest

from shared.sealing import NotSealedForUs, new_sealing_key, open_sealed, seal, sealing_key_of


def test_what_is_sealed_opens_for_its_holder() -> None:
    """Otherwise no login would ever arrive."""
    key = new_sealing_key()
    sealed = seal(b"a login", sealing_key_of(key), b"for desk-1")
    assert open_sealed(sealed, key, b"for desk-1") == b"a login"
    assert b"a login" not in sealed


def test_another_key_purpose_or_bit_does_not_open_it() -> None:
    """A login would open on a node that it was not sealed for."""
    key = new_sealing_key()
    sealed = seal(b"a login", sealing_key_of(key), b"for desk-1")
    altered = bytes([*sealed[:-1], sealed[-1] ^ 1])
    for what, private, bound in (
        (sealed, new_sealing_key(), b"for desk-1"),
        (sealed, key, b"for desk-2"),
        (altered, key, b"for desk-1"),
        (b"", key, b"for desk-1"),
    ):
        with pytest.raises(NotSealedForUs):
            open_sealed(what, private, bound)
