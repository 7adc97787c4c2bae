"""Ids of a wrong form are told apart from ids that nothing has."""

import pytest

from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import ACCOUNT, DEAD_LETTER, DEPLOYMENT, NODE, SCRIPT, IdKind

HEX = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (NODE, "demo-a"),
        (ACCOUNT, "+886.900@x"),
        (SCRIPT, "welcome_desk-2"),
        (DEPLOYMENT, f"dep_{HEX}"),
        (DEAD_LETTER, f"dl_{HEX}"),
    ],
)
def test_an_id_passes_as_it_is(kind: IdKind, text: str) -> None:
    """If this broke, what the lists show could not be asked for."""
    assert kind.checked(text) == text


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (NODE, "demo.a", "a-z, 0-9 and '-'"),
        (NODE, "Demo-A", "`callboard nodes` shows them"),
        (NODE, "demo-a\n", "is no node id"),
        (ACCOUNT, "a b/c", "'_', '.', '@', '+', '-'"),
        (ACCOUNT, "", "1 to 64 characters"),
        (ACCOUNT, "..", "not dots alone"),
        (SCRIPT, "-x", "the first one a letter or a digit"),
        (DEPLOYMENT, "nope", "'dep_' and 32 hexadecimal digits"),
        (DEAD_LETTER, f"dep_{HEX}", "'dl_' and 32 hexadecimal digits"),
    ],
)
def test_another_form_is_refused_with_the_right_one(kind: IdKind, text: str, said: str) -> None:
    """If this broke, a slip of the pen would be answered with "there is no such thing", or reach another address."""
    with pytest.raises(CommandFailed) as failed:
        kind.checked(text)
    assert failed.value.code is ExitCode.REFUSED
    assert repr(text) in failed.value.sentence
    assert said in failed.value.sentence
