"""The small words of the language: durations, chat names, and the name of a version."""

import hashlib

import pytest

from shared.scripts import chat_address, may_speak_in, parse_duration, peer_of, script_hash
from shared.scripts.chats import canonical_chat


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("1.5h", 5400), ("1h 5s", 3605)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    """A wait would last a different time from the one written."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 minutes", "1e3s", "٣s", "9" * 50 + "s", 5, None, [], "5s!"])
def test_what_is_not_a_duration_is_refused(text: object) -> None:
    """A number without a unit would be read as seconds by one and minutes by another."""
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("written", "canonical"), [("@Hall_One", "@hall_one"), (-1001234, "-1001234"), ("77", "77"), ("private", "private")]
)
def test_chats_have_one_spelling(written: object, canonical: str) -> None:
    """A message from @Hall would not be recognised by a script that lists @hall."""
    assert canonical_chat(written) == canonical


@pytest.mark.parametrize("written", ["hall_one", "@x", "@1abc", 0, True, 1.5, None, "", "@hall one", "t.me/hall"])
def test_what_is_no_chat_is_refused(written: object) -> None:
    """A misspelt chat would be listed and never reached."""
    with pytest.raises(ValueError, match="expected"):
        canonical_chat(written)


def test_a_chat_is_addressed_as_the_script_lists_it() -> None:
    """The agent would answer in a chat that the script does not name, or be silent in one it does."""
    chats = ("@hall_one", "-1005", "private")
    assert chat_address(chats, chat_id=-1009, username="Hall_One") == "@hall_one"
    assert chat_address(chats, chat_id=-1005) == "-1005"
    assert chat_address(chats, chat_id=8, private=True) == "private:8"
    assert chat_address(chats, chat_id=-1009, username="other") is None
    assert chat_address(("@hall_one",), chat_id=8, private=True) is None
    assert [may_speak_in(chats, each) for each in ("@hall_one", "private:8", "private", "-1009")] == [
        True,
        True,
        False,
        False,
    ]
    assert [peer_of(each) for each in ("@hall_one", "-1005", "private:8")] == ["@hall_one", -1005, 8]


def test_the_hash_is_over_the_exact_bytes() -> None:
    """Two files that differ in a space would be taken for the same version."""
    text = "id: 你好\r\n"
    assert script_hash(text) == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert script_hash(text) != script_hash("id: 你好\n")
